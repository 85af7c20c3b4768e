// One plain source, compiled for each instruction set: loops over the 64 outputs of a panel that
// the compiler turns into vectors. All give the same bytes.
#include "harness/backend/kernels/int_group_decode.h"

#include "harness/backend/kernels/group_values.h"

namespace evalharness {
namespace {

constexpr size_t kLanes = 64, kStep = 16;  // inputs at a time: half a unit, in one group

// The code of one of two neighbours; see int_group.h for where its planes lie.
template <size_t Bits>
[[gnu::always_inline]] inline uint32_t code_at(const uint32_t* words, size_t lane, size_t pair,
                                               size_t side) {
  uint32_t code = 0;
  size_t word = 0, shift = 0;
  for (size_t plane = 0; plane < Bits / 4; ++plane, word += 4, shift += 4) {
    code |= (words[(word + pair / 4) * kLanes + lane] >> (pair % 4 * 4 + side) & 15u) << shift;
  }
  if (Bits & 2) {
    code |= (words[(word + pair / 8) * kLanes + lane] >> (pair % 8 * 2 + side) & 3u) << shift;
    word += 2;
    shift += 2;
  }
  if (Bits & 1) code |= (words[word * kLanes + lane] >> (pair + side) & 1u) << shift;
  return code;
}

template <size_t Bits, class T>
[[gnu::always_inline]] inline void decode_step(const uint32_t* words, size_t first_pair,
                                               const GroupValues& group, T* to) {
  for (size_t pair = first_pair; pair < first_pair + kStep / 2; ++pair, to += 2 * kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const auto even = static_cast<int32_t>(code_at<Bits>(words, lane, pair, 0));
      const auto odd = static_cast<int32_t>(code_at<Bits>(words, lane, pair, 16));
      store_pair((static_cast<float>(even) - group.zero[lane]) * group.scale[lane],
                 (static_cast<float>(odd) - group.zero[lane]) * group.scale[lane], lane, to);
    }
  }
}

template <size_t Bits, class T>
[[gnu::always_inline]] inline void decode_inputs(const IntGroupLinear& weight, size_t panel,
                                                 size_t begin, size_t end, T* to) {
  constexpr size_t kUnit = IntGroupLinear::kUnit;
  GroupValues parameters;
  size_t loaded = SIZE_MAX;
  for (size_t k = begin; k < end; k += kStep, to += kStep * kLanes) {
    const size_t group = weight.grids().group_at(k);
    if (group != loaded) load_group(weight.grids(), panel, group, parameters);
    loaded = group;
    decode_step<Bits>(weight.codes(panel, k), k % kUnit / 2, parameters, to);
  }
}

template <class T>
[[gnu::always_inline]] inline void decode_any(const IntGroupLinear& weight, size_t panel,
                                              size_t begin, size_t end, T* to) {
  switch (weight.parameters().bits) {
    case 2:
      return decode_inputs<2>(weight, panel, begin, end, to);
    case 3:
      return decode_inputs<3>(weight, panel, begin, end, to);
    case 4:
      return decode_inputs<4>(weight, panel, begin, end, to);
    case 5:
      return decode_inputs<5>(weight, panel, begin, end, to);
    case 6:
      return decode_inputs<6>(weight, panel, begin, end, to);
    case 7:
      return decode_inputs<7>(weight, panel, begin, end, to);
    default:
      return decode_inputs<8>(weight, panel, begin, end, to);
  }
}

template <class T>
void decode_scalar(const IntGroupLinear& weight, size_t panel, size_t begin, size_t end, T* to) {
  decode_any(weight, panel, begin, end, to);
}
template <class T>
[[gnu::target("avx2")]] void decode_avx2(const IntGroupLinear& weight, size_t panel, size_t begin,
                                         size_t end, T* to) {
  decode_any(weight, panel, begin, end, to);
}
template <class T>
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512")]] void decode_avx512(
    const IntGroupLinear& weight, size_t panel, size_t begin, size_t end, T* to) {
  decode_any(weight, panel, begin, end, to);
}

template <class T>
IntGroupDecoder<T> decoder(Isa isa) {
  if (isa >= Isa::avx512) return {decode_avx512<T>, "unpack avx512"};
  if (isa == Isa::avx2) return {decode_avx2<T>, "unpack avx2"};
  return {decode_scalar<T>, "unpack scalar"};
}

}  // namespace

IntGroupDecoder<float> int_group_decoder_f32(Isa isa) { return decoder<float>(isa); }
IntGroupDecoder<uint16_t> int_group_decoder_bf16(Isa isa) { return decoder<uint16_t>(isa); }

}  // namespace evalharness
