// oneDNN behind multiply_rows. A primitive is compiled once for a shape and kept by each thread
// (oneDNN's own cache shares the code between threads), so that a call takes no lock.
#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <map>
#include <string_view>

#include "harness/base/error.h"
#include "harness/math/aligned.h"
#include "harness/math/panel_kernels.h"

namespace evalharness::detail {
namespace {

using dnnl::memory;

struct Shape {
  size_t rows, k, x_stride;
  memory::data_type type;
  auto operator<=>(const Shape&) const = default;
};

struct Compiled {
  dnnl::matmul primitive;
  memory x, panel, y, scratchpad;
};

class ThreadState {
 public:
  ThreadState() : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    omp_set_num_threads(1);  // of this thread only: parallel_for owns the cores
  }

  bool has_kernel(const Shape& shape) const {
    try {
      return !is_reference(describe(shape));
    } catch (const dnnl::error& error) {  // without AVX-512 not even the reference code takes bfloat16
      if (error.status != dnnl_unimplemented) throw;
      return false;
    }
  }

  void run(const Shape& shape, const void* x, const void* panel, float* y) {
    Compiled& compiled = find(shape);
    // oneDNN's handles are not const; it reads x and the panel only.
    compiled.x.set_data_handle(const_cast<void*>(x));
    compiled.panel.set_data_handle(const_cast<void*>(panel));
    compiled.y.set_data_handle(y);
    compiled.scratchpad.set_data_handle(scratchpad_.data());
    compiled.primitive.execute(stream_, {{DNNL_ARG_SRC, compiled.x},
                                         {DNNL_ARG_WEIGHTS, compiled.panel},
                                         {DNNL_ARG_DST, compiled.y},
                                         {DNNL_ARG_SCRATCHPAD, compiled.scratchpad}});
    stream_.wait();
  }

 private:
  static bool is_reference(const dnnl::matmul::primitive_desc& description) {
    return std::string_view(description.impl_info_str()).starts_with("ref");
  }

  Compiled& find(const Shape& shape) {
    const auto found = compiled_.find(shape);
    if (found != compiled_.end()) return found->second;
    return compiled_.emplace(shape, compile(shape)).first->second;
  }

  dnnl::matmul::primitive_desc describe(const Shape& shape) const {
    const auto dim = [](size_t n) { return static_cast<memory::dim>(n); };
    const memory::desc x({dim(shape.rows), dim(shape.k)}, shape.type,
                         memory::dims{dim(shape.x_stride), 1});
    const memory::dims panel_dims = {dim(shape.k), dim(kPanelWidth)};
    const memory::desc panel =
        shape.type == memory::data_type::bf16
            ? memory::desc(panel_dims, shape.type, memory::format_tag::BA16a64b2a)
            : memory::desc(panel_dims, shape.type, memory::format_tag::ab);
    const memory::desc y({dim(shape.rows), dim(kPanelWidth)}, memory::data_type::f32,
                         memory::format_tag::ab);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return {dnnl::matmul::desc(x, panel, y), attributes, engine_};
  }

  Compiled compile(const Shape& shape) {
    const dnnl::matmul::primitive_desc description = describe(shape);
    // A reference implementation is a thousand times slower: better loud than silent.
    EH_ASSERT(!is_reference(description));
    const size_t scratch = description.scratchpad_desc().get_size();
    if (scratchpad_.size() < scratch) scratchpad_.resize(scratch);
    return {dnnl::matmul(description), memory(description.src_desc(), engine_, nullptr),
            memory(description.weights_desc(), engine_, nullptr), memory(description.dst_desc(), engine_, nullptr),
            memory(description.scratchpad_desc(), engine_, nullptr)};
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  std::map<Shape, Compiled> compiled_;
  AlignedVector<std::byte> scratchpad_;
};

// oneDNN 2.6 has no fast bfloat16 kernel for a y whose rows lie apart, so y is made in cache and
// copied: a few per cent of the product.
template <class T>
void run(const PanelProduct<T>& product, memory::data_type type) {
  thread_local ThreadState state;
  thread_local AlignedVector<float> tile;
  if (tile.size() < product.rows * kPanelWidth) tile.resize(product.rows * kPanelWidth);
  state.run({product.rows, product.k, product.x_stride, type}, product.x, product.panel,
            tile.data());
  for (size_t row = 0; row < product.rows; ++row) {
    std::copy_n(tile.data() + row * kPanelWidth, kPanelWidth, product.y + row * product.y_stride);
  }
}

}  // namespace

bool onednn_has_bfloat16() {
  static const bool has = [] {
    const size_t k = 8 * kDepthMultipleBf16;
    return ThreadState().has_kernel({.rows = 128, .k = k, .x_stride = k, .type = memory::data_type::bf16});
  }();
  return has;
}

void onednn_rows(const PanelProduct<float>& product) { run(product, memory::data_type::f32); }
void onednn_rows(const PanelProduct<uint16_t>& product) { run(product, memory::data_type::bf16); }

}  // namespace evalharness::detail
