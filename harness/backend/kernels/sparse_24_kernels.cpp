#include "harness/math/ask_ahead.h"
#include "harness/backend/kernels/sparse_24_kernels.h"

#include <immintrin.h>

#include <array>
#include <cstring>

namespace evalharness {
namespace {

// Bytes between the load and the line asked for, which goes to the second-level cache: the first has
// too few places for lines under way.
constexpr size_t kAhead = 4096, kPagesAhead = 8192;
constexpr size_t kGroup = 4, kWordInputs = kInputsOfWord24, kGroupsOfWord = 8;
constexpr size_t kLanes = 16, kVectors = kPanelWidth / kLanes;
constexpr size_t kSmallLanes = 8, kSmallVectors = kPanelWidth / kSmallLanes;  // AVX2
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

// AVX2 looks up eight lanes by three bits. The four bits of two different places in their order give
// six values, which n ^ n >> 1 tells apart by its lowest three bits.
using HashedControls = std::array<uint32_t, 8>;
constexpr HashedControls hashed(const Controls& controls) {
  HashedControls table{};
  for (uint32_t first = 0; first < kGroup; ++first) {
    for (uint32_t second = first + 1; second < kGroup; ++second) {
      const uint32_t nibble = first | second << 2;
      table[(nibble ^ nibble >> 1) & 7] = controls[nibble];
    }
  }
  return table;
}

alignas(64) constexpr Controls kUnpackFirst = unpack_controls(0),
                               kUnpackSecond = unpack_controls(1), kSelect = select_controls();
alignas(32) constexpr HashedControls kHashedFirst = hashed(kUnpackFirst), kHashedSecond = hashed(kUnpackSecond);

// The reference of the others.
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

[[gnu::target("avx2")]] void unpack_avx2(const uint16_t* values, const uint32_t* indices,
                                         size_t words, uint16_t* places) {
  const auto load = [](const auto* place) __attribute__((target("avx2"))) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(place));
  };
  const __m256i first = load(kHashedFirst.data()), second = load(kHashedSecond.data());
  // Shuffles work inside 128 bits: the bytes of 32-bit lane l start at 4 * l.
  const __m256i lane = _mm256_set_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0,  //
                                        0x0c0c0c0c, 0x08080808, 0x04040404, 0);
  for (size_t word = 0; word < words; ++word, indices += kPanelWidth) {
    for (size_t column = 0; column < kPanelWidth; column += kSmallLanes) {
      const __m256i nibbles = load(indices + column);
      __m256i hash = _mm256_xor_si256(nibbles, _mm256_srli_epi32(nibbles, 1));
      const uint16_t* from = values + word * kGroupsOfWord * kPanelWidth * 2 + column * 2;
      uint16_t* to = places + word * kWordInputs * kPanelWidth + column * 2;
      for (size_t group = 0; group < kGroupsOfWord; ++group) {
        const __m256i pair = load(from);
        const __m256i lower = _mm256_add_epi8(_mm256_permutevar8x32_epi32(first, hash), lane);
        const __m256i upper = _mm256_add_epi8(_mm256_permutevar8x32_epi32(second, hash), lane);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_shuffle_epi8(pair, lower));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 2 * kPanelWidth),
                            _mm256_shuffle_epi8(pair, upper));
        hash = _mm256_srli_epi32(hash, 4);
        from += 2 * kPanelWidth;
        to += 4 * kPanelWidth;
      }
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
      ask_page_ahead<kPagesAhead / 2>(indices + v * kLanes);
      nibbles[v] = _mm512_loadu_si512(indices + v * kLanes);
    }
    for (size_t group = 0; group < kGroupsOfWord; ++group, x += kGroup) {
      __m512i four[Rows];
      for (size_t r = 0; r < Rows; ++r) {
        four[r] = _mm512_set1_epi64(four_inputs(x + r * product.x_stride));
      }
      for (size_t v = 0; v < kVectors; ++v, values += 2 * kLanes) {
        ask_page_ahead<kPagesAhead>(values);
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

// Four inputs as float32, twice: a lane's index into them may keep a bit beyond its two.
[[gnu::target("avx2,fma"), gnu::always_inline]] inline __m256 four_floats_twice(
    const uint16_t* place) {
  const __m128i four = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(place));
  const __m128i wide = _mm_slli_epi32(_mm_cvtepu16_epi32(four), 16);
  return _mm256_castsi256_ps(_mm256_set_m128i(wide, wide));
}

// Outputs [column, column + 8 * Vectors) of the panel.
template <size_t Rows, size_t Vectors>
[[gnu::target("avx2,fma")]] void select_block_avx2(const PanelProduct<uint16_t>& product,
                                                   const uint16_t* values, const uint32_t* indices,
                                                   size_t column) {
  const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  __m256 sum[Rows][Vectors] = {};
  values += 2 * column;
  indices += column;
  const uint16_t* x = product.x;
  for (size_t k = 0; k < product.k; k += kWordInputs, indices += kPanelWidth) {
    _mm_prefetch(reinterpret_cast<const char*>(indices) + kAhead / 8, _MM_HINT_T1);
    for (size_t group = 0; group < kGroupsOfWord; ++group, x += kGroup, values += 2 * kPanelWidth) {
      __m256 four[Rows];
      for (size_t r = 0; r < Rows; ++r) four[r] = four_floats_twice(x + r * product.x_stride);
      const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(4 * group));
      for (size_t v = 0; v < Vectors; ++v) {
        const uint16_t* const place = values + v * 2 * kSmallLanes;
        if (v % 2 == 0) _mm_prefetch(reinterpret_cast<const char*>(place) + kAhead, _MM_HINT_T1);
        const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(place));
        const __m256 w_first = _mm256_castsi256_ps(_mm256_slli_epi32(both, 16));
        const __m256 w_second = _mm256_castsi256_ps(_mm256_and_si256(both, upper));
        const __m256i nibbles = _mm256_loadu_si256(
            reinterpret_cast<const __m256i*>(indices + v * kSmallLanes));
        const __m256i first = _mm256_srl_epi32(nibbles, shift);
        const __m256i second = _mm256_srli_epi32(first, 2);
        for (size_t r = 0; r < Rows; ++r) {
          const __m256 x_first = _mm256_permutevar8x32_ps(four[r], first);
          const __m256 x_second = _mm256_permutevar8x32_ps(four[r], second);
          sum[r][v] = _mm256_fmadd_ps(x_first, w_first, sum[r][v]);
          sum[r][v] = _mm256_fmadd_ps(x_second, w_second, sum[r][v]);
        }
      }
    }
  }
  for (size_t r = 0; r < Rows; ++r) {
    for (size_t v = 0; v < Vectors; ++v) {
      _mm256_storeu_ps(product.y + r * product.y_stride + column + v * kSmallLanes, sum[r][v]);
    }
  }
}

// Sixteen registers hold all 64 sums of one row, or half of those of two.
template <size_t Rows>
void select_rows_avx2(const PanelProduct<uint16_t>& product, const uint16_t* values,
                      const uint32_t* indices) {
  constexpr size_t kParts = Rows == 1 ? 1 : 2;
  for (size_t part = 0; part < kParts; ++part) {
    select_block_avx2<Rows, kSmallVectors / kParts>(product, values, indices,
                                                    part * kPanelWidth / kParts);
  }
}

constexpr std::array<Select24, 2> kSelectAvx2 = {select_rows_avx2<1>, select_rows_avx2<2>};
constexpr std::array<Select24, 4> kSelectAvx512 = {select_rows<1>, select_rows<2>, select_rows<3>,
                                      select_rows<4>};

}  // namespace

std::span<const Select24> select_24_kernels(Isa isa) {
  if (isa >= Isa::avx512bf16) return kSelectAvx512;
  if (isa >= Isa::avx2) return kSelectAvx2;
  return {};
}

Unpacker24 unpacker_24(Isa isa) {
  if (isa >= Isa::avx512) return {unpack_avx512, "unpack avx512"};
  if (isa >= Isa::avx2) return {unpack_avx2, "unpack avx2"};
  return {unpack_scalar, "unpack scalar"};
}

}  // namespace evalharness
