// sparse.2:4.bf16. A few tokens select the inputs that each stored pair of weights wants, and so do
// half the products; many tokens put the zeros back and multiply as dense.
#include <immintrin.h>

#include <array>
#include <cstring>

#include "harness/backend/panel_linear.h"
#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/ops/sparse_24.h"

namespace evalharness {
namespace {

constexpr size_t kGroup = 4, kWordInputs = 32, kGroupsOfWord = 8, kLanes = 16;
constexpr uint32_t kZeroByte = 0x80;  // of a byte shuffle

// Tables over the four index bits of a group: a byte shuffle's control for one 32-bit lane.
using Controls = std::array<uint32_t, 16>;

constexpr uint32_t control_of_value(uint32_t place) { return (2 * place) | (2 * place + 1) << 8; }

// Of inputs 2 * pair and 2 * pair + 1: which of the lane's two stored values each of them has.
constexpr Controls unpack_controls(uint32_t pair) {
  Controls table{};
  for (uint32_t nibble = 0; nibble < 16; ++nibble) {
    const uint32_t first = nibble & 3, second = nibble >> 2;
    for (uint32_t side = 0; side < 2; ++side) {
      const uint32_t input = 2 * pair + side;
      const uint32_t control = input == first    ? control_of_value(0)
                               : input == second ? control_of_value(1)
                                                 : (kZeroByte | kZeroByte << 8);
      table[nibble] |= control << 16 * side;
    }
  }
  return table;
}

// Of the four inputs of a group, side by side, the two that the lane's stored values want.
constexpr Controls select_controls() {
  Controls table{};
  for (uint32_t nibble = 0; nibble < 16; ++nibble) {
    table[nibble] = control_of_value(nibble & 3) | control_of_value(nibble >> 2) << 16;
  }
  return table;
}

alignas(64) constexpr Controls kUnpackFirst = unpack_controls(0),
                               kUnpackSecond = unpack_controls(1), kSelect = select_controls();

// Unpacks `words` times 32 inputs of a panel into panel order.
using Unpack = void (*)(const uint16_t* values, const uint32_t* indices, size_t words,
                        uint16_t* places);

// The reference of the other.
void unpack_scalar(const uint16_t* values, const uint32_t* indices, size_t words,
                   uint16_t* places) {
  std::memset(places, 0, words * kWordInputs * kPanelWidth * sizeof(uint16_t));
  for (size_t group = 0; group < words * kGroupsOfWord; ++group) {
    for (size_t o = 0; o < kPanelWidth; ++o, values += 2) {
      const uint32_t nibble =
          indices[group / kGroupsOfWord * kPanelWidth + o] >> 4 * (group % kGroupsOfWord);
      const auto place = [&](uint32_t input) -> uint16_t& {
        return places[((group * kGroup + input) / 2 * kPanelWidth + o) * 2 + input % 2];
      };
      place(nibble & 3) = values[0];
      place(nibble >> 2 & 3) = values[1];
    }
  }
}

[[gnu::target("avx512f,avx512bw")]] void unpack_avx512(const uint16_t* values,
                                                       const uint32_t* indices, size_t words,
                                                       uint16_t* places) {
  const __m512i first = _mm512_load_si512(kUnpackFirst.data());
  const __m512i second = _mm512_load_si512(kUnpackSecond.data());
  // Shuffles work inside 128 bits: the bytes of 32-bit lane l start at 4 * l.
  const __m512i lane = _mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0);
  for (size_t word = 0; word < words; ++word, indices += kPanelWidth) {
    for (size_t column = 0; column < kPanelWidth; column += kLanes) {
      __m512i nibbles = _mm512_loadu_si512(indices + column);
      const uint16_t* from = values + word * kGroupsOfWord * kPanelWidth * 2 + column * 2;
      uint16_t* to = places + word * kWordInputs * kPanelWidth + column * 2;
      for (size_t group = 0; group < kGroupsOfWord; ++group) {
        const __m512i pair = _mm512_loadu_si512(from);
        // A permutation looks at the lowest four bits only.
        const __m512i lower = _mm512_add_epi8(_mm512_permutexvar_epi32(nibbles, first), lane);
        const __m512i upper = _mm512_add_epi8(_mm512_permutexvar_epi32(nibbles, second), lane);
        _mm512_storeu_si512(to, _mm512_shuffle_epi8(pair, lower));
        _mm512_storeu_si512(to + 2 * kPanelWidth, _mm512_shuffle_epi8(pair, upper));
        nibbles = _mm512_srli_epi32(nibbles, 4);
        from += 2 * kPanelWidth;
        to += 4 * kPanelWidth;
      }
    }
  }
}

constexpr size_t kVectors = kPanelWidth / kLanes;
// Bytes between the load and the line asked for, which goes to the second-level cache: the first has
// too few places for lines under way.
constexpr size_t kAhead = 4096;

[[gnu::always_inline]] inline long long four_inputs(const uint16_t* place) {
  long long four;
  std::memcpy(&four, place, sizeof four);
  return four;
}

template <size_t Rows>
[[gnu::target("avx512f,avx512bw,avx512bf16")]] void select_rows(
    const PanelProduct<uint16_t>& product, const uint16_t* values, const uint32_t* indices) {
  const __m512i select = _mm512_load_si512(kSelect.data());
  __m512 sum[Rows][kVectors];
  for (size_t r = 0; r < Rows; ++r) {
    for (size_t v = 0; v < kVectors; ++v) sum[r][v] = _mm512_setzero_ps();
  }
  const uint16_t* x = product.x;
  for (size_t k = 0; k < product.k; k += kWordInputs, indices += kPanelWidth) {
    __m512i nibbles[kVectors];
    for (size_t v = 0; v < kVectors; ++v) {
      _mm_prefetch(reinterpret_cast<const char*>(indices + v * kLanes) + kAhead / 8, _MM_HINT_T1);
      nibbles[v] = _mm512_loadu_si512(indices + v * kLanes);
    }
    for (size_t group = 0; group < kGroupsOfWord; ++group, x += kGroup) {
      __m512i four[Rows];
      for (size_t r = 0; r < Rows; ++r) {
        four[r] = _mm512_set1_epi64(four_inputs(x + r * product.x_stride));
      }
      for (size_t v = 0; v < kVectors; ++v, values += 2 * kLanes) {
        _mm_prefetch(reinterpret_cast<const char*>(values) + kAhead, _MM_HINT_T1);
        const __m512i w = _mm512_loadu_si512(values);
        const __m512i wanted = _mm512_permutexvar_epi32(nibbles[v], select);
        nibbles[v] = _mm512_srli_epi32(nibbles[v], 4);
        for (size_t r = 0; r < Rows; ++r) {
          const __m512i two = _mm512_shuffle_epi8(four[r], wanted);
          sum[r][v] = _mm512_dpbf16_ps(sum[r][v], (__m512bh)two, (__m512bh)w);
        }
      }
    }
  }
  for (size_t r = 0; r < Rows; ++r) {
    for (size_t v = 0; v < kVectors; ++v) {
      _mm512_storeu_ps(product.y + r * product.y_stride + v * kLanes, sum[r][v]);
    }
  }
}

class Sparse24Reader final : public PanelReader<uint16_t> {
 public:
  Sparse24Reader(const Sparse24Linear& weight, Isa isa) : weight_(weight), isa_(isa) {}

  const LinearOp& op() const override { return weight_; }
  const PanelLayout& layout() const override { return weight_.layout(); }
  std::string decoder() const override {
    return isa_ >= Isa::avx512 ? "unpack avx512" : "unpack scalar";
  }
  size_t block() const override { return 2 * kWordInputs; }

  const uint16_t* read(size_t panel, size_t begin, size_t end, uint16_t* scratch) const override {
    const Unpack unpack = isa_ >= Isa::avx512 ? unpack_avx512 : unpack_scalar;
    unpack(weight_.values(panel, begin), weight_.indices(panel, begin), (end - begin) / kWordInputs,
           scratch);
    return scratch;
  }

  void multiply_few(Isa isa, size_t panel, size_t begin,
                    PanelProduct<uint16_t> product) const override {
    if (isa < Isa::avx512bf16) return PanelReader::multiply_few(isa, panel, begin, product);
    EH_ASSERT(!product.add);
    const uint16_t* const values = weight_.values(panel, begin);
    const uint32_t* const indices = weight_.indices(panel, begin);
    for (; product.rows > 0;) {
      const size_t count = product.rows >= 4 ? 4 : product.rows;
      switch (count) {
        case 1:
          select_rows<1>(product, values, indices);
          break;
        case 2:
          select_rows<2>(product, values, indices);
          break;
        case 3:
          select_rows<3>(product, values, indices);
          break;
        default:
          select_rows<4>(product, values, indices);
          break;
      }
      product.x += count * product.x_stride;
      product.y += count * product.y_stride;
      product.rows -= count;
    }
  }

  std::string few_kernel(Isa isa) const override {
    return isa < Isa::avx512bf16 ? PanelReader::few_kernel(isa) : "avx512bf16 select";
  }

 private:
  const Sparse24Linear& weight_;
  Isa isa_;
};

const RegisterKernels registration("sparse.2:4.bf16", [](const LinearOp& op,
                                                         const CpuOptions& options) {
  const auto* const weight = dynamic_cast<const Sparse24Linear*>(&op);
  EH_ASSERT(weight != nullptr);
  return bind_panels<uint16_t>(std::make_unique<Sparse24Reader>(*weight, options.isa), options);
});

}  // namespace
}  // namespace evalharness
