#include <algorithm>

#include "harness/backend/panel_linear.h"
#include "harness/backend/scratch.h"
#include "harness/base/integers.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

constexpr size_t kBlocksForManyRows = 4;

}  // namespace

size_t few_tokens_depth(size_t panels, size_t depth, size_t block) {
  constexpr size_t kWantedTiles = 32, kLeastDepth = 128;
  if (panels >= kWantedTiles) return depth;
  const size_t parts = std::min(ceil_div(kWantedTiles, panels), std::max<size_t>(1, depth / kLeastDepth));
  return round_up(ceil_div(depth, parts), block);
}

template <class T>
void PanelReader<T>::multiply_few(Isa isa, size_t panel, size_t begin, PanelProduct<T> product, const std::byte*) const {
  struct Block;
  const size_t end = begin + product.k;
  const bool in_place = block() == SIZE_MAX;
  // The sums of many rows go through memory once a step: they take longer ones.
  const size_t blocks = in_place || product.rows <= kFewTokens ? 1 : kBlocksForManyRows;
  const size_t step = std::min(block() * blocks, product.k);
  T* const values = in_place ? nullptr : scratch<T, Block>(step * kPanelWidth);
  product.streamed = in_place;
  for (size_t k = begin; k < end; k += step) {
    product.k = std::min(step, end - k);
    product.panel = read(panel, k, k + product.k, values);
    multiply_in_registers(isa, product);
    product.x += product.k;
    product.add = true;
  }
}

template <class T>
std::string PanelReader<T>::few_kernel(Isa isa, size_t tokens) const {
  const std::string kernel = multiply_in_registers_kernel(isa, layout().dtype == Dtype::bf16, block() == SIZE_MAX, tokens);
  return decoder().empty() ? kernel : cat(kernel, " ", decoder());
}

template class PanelReader<float>;
template class PanelReader<uint16_t>;

}  // namespace evalharness
