#include "harness/ops/int_group.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "harness/base/error.h"
#include "harness/base/integers.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/math/float16.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/tensor_io.h"
#include "harness/ops/uniform_grid.h"

namespace evalharness {
namespace {

constexpr size_t kLanes = 64, kUnit = IntGroupLinear::kUnit;

// Calls visit(word, bit, width, shift) for each plane of an input of a unit: bits [shift, shift +
// width) of its code are bits [bit, bit + width) of that word.
template <class Visit>
void each_plane(size_t bits, size_t input, const Visit& visit) {
  const size_t pair = input / 2, side = input % 2;
  size_t first_word = 0, shift = 0;
  for (const size_t width : {4, 4, 2, 1}) {
    if (bits - shift < width) continue;
    const size_t pairs = 16 / width;  // of a word
    visit(first_word + pair / pairs, pair % pairs * width + 16 * side, width, shift);
    first_word += width;
    shift += width;
  }
}

void put_code(uint32_t code, size_t bits, size_t input, uint32_t* words) {
  each_plane(bits, input, [&](size_t word, size_t bit, size_t width, size_t shift) {
    words[word * kLanes] |= (code >> shift & ((1u << width) - 1)) << bit;
  });
}

size_t zero_bytes(const IntGroupFormat& format) {  // of a panel's group
  if (format.symmetric) return 0;
  return format.bits <= 4 ? kLanes / 2 : kLanes;
}

uint32_t middle(size_t bits) { return 1u << (bits - 1); }

std::string what(const QuantisedMatrix& q) {
  return cat("int", q.bits, " weight [", q.out, ", ", q.in, "]");
}

void check_format(const IntGroupFormat& format) {
  if (format.bits < 2 || format.bits > 8)
    fail(cat("int weight: expected 2..8 bits, got ", format.bits));
  if (format.group % 16 != 0)
    fail(cat("int weight: expected a group of a multiple of 16 inputs or the whole row, got ",
             format.group));
}

void check_values(const QuantisedMatrix& q, Dtype dtype) {
  EH_ASSERT(q.codes.size() == q.out * q.in);
  EH_ASSERT(q.scales.rows() == q.out && q.scales.cols() == q.groups());
  EH_ASSERT(q.zeros.empty() || q.zeros.size() == q.scales.size());
  const uint32_t last = (1u << q.bits) - 1;
  for (const std::vector<uint8_t>* const codes : {&q.codes, &q.zeros}) {
    const auto found = std::ranges::find_if(*codes, [&](uint8_t code) { return code > last; });
    if (found == codes->end()) continue;
    fail(cat(what(q), codes == &q.codes ? ": code " : ": zero ", found - codes->begin(),
             ": expected 0..", last, ", got ", static_cast<uint32_t>(*found)));
  }
  for (size_t i = 0; i < q.scales.size(); ++i) {
    const float scale = stored_scale(q.scales.values()[i], dtype);
    if (std::isfinite(scale) && scale >= 0) continue;
    fail(cat(what(q), ": scale of row ", i / q.groups(), ", group ", i % q.groups(),
             ": expected a positive number that the format holds, got ", q.scales.values()[i]));
  }
}

// The codes of padding stand for zero: inputs get their row's zero, outputs the scale 0.
void pack_row(const QuantisedMatrix& q, size_t o, const IntGroupFormat& format,
              IntGroupLinear::Parts& parts) {
  const size_t panel = o / kLanes, lane = o % kLanes, groups = q.groups();
  const size_t units = ceil_div(q.in, kUnit);
  const auto zero = [&](size_t group) -> uint32_t {
    return q.zeros.empty() ? middle(q.bits) : q.zeros[o * groups + group];
  };
  for (size_t i = 0; i < units * kUnit; ++i) {
    uint32_t* const words = parts.codes.data() + (panel * units + i / kUnit) * q.bits * kLanes;
    const uint32_t code = i < q.in ? q.codes[o * q.in + i] : zero(groups - 1);
    put_code(code, q.bits, i % kUnit, words + lane);
  }
  const size_t width = dtype_bytes(format.dtype);
  for (size_t group = 0; group < groups; ++group) {
    std::byte* const to = parts.scales.data() + ((panel * groups + group) * kLanes + lane) * width;
    const float scale = stored_scale(q.scales(o, group), format.dtype);
    const uint16_t half = to_float16(scale);
    if (format.dtype == Dtype::f32) std::memcpy(to, &scale, sizeof scale);
    if (format.dtype == Dtype::bf16) std::memcpy(to, &half, sizeof half);
    const size_t bytes = zero_bytes(format);
    if (bytes == 0) continue;
    const uint32_t placed = zero(group) << (lane >= bytes ? 4 : 0);
    uint8_t& byte = parts.zeros[(panel * groups + group) * bytes + lane % bytes];
    byte = static_cast<uint8_t>(byte | placed);
  }
}

struct PartSizes {
  size_t codes, scales, zeros;  // in bytes
};
PartSizes part_sizes(const IntGroupFormat& format, size_t out, size_t in) {
  const size_t panels = ceil_div(out, kLanes);
  const size_t groups = format.group == 0 ? 1 : ceil_div(in, format.group);
  return {.codes = panels * ceil_div(in, kUnit) * format.bits * kLanes * sizeof(uint32_t),
          .scales = panels * groups * kLanes * dtype_bytes(format.dtype),
          .zeros = panels * groups * zero_bytes(format)};
}

template <class T>
void read_part(const MemoryTensors& parts, const std::string& weight, const std::string& name,
               size_t bytes, AlignedVector<T>& to) {
  const StoredTensor& part = stored_part(parts, weight, name);
  check_part_bytes(part, weight, name, bytes);
  to.resize(bytes / sizeof(T));
  std::memcpy(to.data(), part.bytes.data(), bytes);
}

LinearPtr load_int_group(const std::string& name, size_t out, size_t in,
                         const MemoryTensors& tensors) {
  check_weight_shape(out, in);
  const IntGroupFormat format = int_group_format(name);
  const std::string weight = cat(name, " [", out, ", ", in, "]");
  const PartSizes sizes = part_sizes(format, out, in);
  IntGroupLinear::Parts parts;
  read_part(tensors, weight, "codes", sizes.codes, parts.codes);
  read_part(tensors, weight, "scales", sizes.scales, parts.scales);
  if (!format.symmetric) read_part(tensors, weight, "zeros", sizes.zeros, parts.zeros);
  return std::make_unique<IntGroupLinear>(format, out, in, std::move(parts));
}

LinearPtr nearest_int_group(const std::string& name, MatrixView w) {
  const IntGroupFormat format = int_group_format(name);
  const auto fit = format.symmetric ? UniformGrid::absmax : UniformGrid::gptq_asymmetric;
  return make_int_group(round_to_grid(w, {.bits = format.bits,
                                          .group = format.group,
                                          .fit = fit,
                                          .symmetric = format.symmetric,
                                          .dtype = format.dtype}),
                        format.dtype);
}

const RegisterFormat registration(
    {.prefix = "int",
     .load = load_int_group,
     .examples = {"int4.g128.bf16", "int4.g64.f32", "int8.row.sym.bf16", "int8.row.sym.f32",
                  "int2.g32.bf16", "int3.g64.bf16", "int5.g16.bf16", "int6.g48.sym.bf16",
                  "int7.g32.f32", "int8.g128.bf16"},
     .nearest = nearest_int_group});

}  // namespace

float stored_scale(float scale, Dtype dtype) {
  constexpr float kLeastHalf = 0x1p-24f;
  if (dtype == Dtype::f32 || scale == 0) return scale;
  return from_float16(to_float16(std::max(scale, kLeastHalf)));
}

std::string IntGroupFormat::name() const {
  const std::string groups = group == 0 ? "row" : cat("g", group);
  return cat("int", bits, ".", groups, symmetric ? ".sym." : ".", dtype_name(dtype));
}

IntGroupFormat int_group_format(const std::string& name) {
  const auto refuse = [&] {
    fail(cat("unknown weight format '", name,
             "': expected a name like int4.g128.bf16 or int8.row.sym.bf16"));
  };
  IntGroupFormat format;
  const std::vector<std::string> words = split(name, ".");
  if (words.size() < 3 || words.size() > 4 || words[0].size() != 4) refuse();
  format.bits = static_cast<size_t>(words[0][3] - '0');
  const std::string digits = words[1].substr(1);
  if (words[1] != "row") {
    const bool number = !digits.empty() && digits.size() < 9 &&
                        digits.find_first_not_of("0123456789") == std::string::npos;
    if (!number || digits[0] == '0' || words[1][0] != 'g') refuse();
    format.group = std::stoul(digits);
  }
  format.symmetric = words.size() == 4;
  format.dtype = dtype_of_format(name);
  if (format.name() != name) refuse();
  check_format(format);
  return format;
}

LinearPtr make_int_group(const QuantisedMatrix& q, Dtype dtype) {
  check_weight_shape(q.out, q.in);
  const IntGroupFormat format{
      .bits = q.bits, .group = q.group, .symmetric = q.zeros.empty(), .dtype = dtype};
  check_format(format);
  check_values(q, dtype);
  const PartSizes sizes = part_sizes(format, q.out, q.in);
  IntGroupLinear::Parts parts;
  parts.codes.resize(sizes.codes / sizeof(uint32_t));
  parts.scales.resize(sizes.scales);
  parts.zeros.resize(sizes.zeros);
  parallel_for(ceil_div(q.out, kLanes), [&](size_t panel) {
    const size_t end = std::min(q.out, (panel + 1) * kLanes);
    for (size_t o = panel * kLanes; o < end; ++o) pack_row(q, o, format, parts);
  });
  return std::make_unique<IntGroupLinear>(format, q.out, q.in, std::move(parts));
}

IntGroupLinear::IntGroupLinear(const IntGroupFormat& format, size_t out, size_t in, Parts parts)
    : format_(format), layout_{out, in, format.dtype}, parts_(std::move(parts)) {
  groups_ = format.group == 0 ? 1 : ceil_div(in, format.group);
  const PartSizes sizes = part_sizes(format, out, in);
  EH_ASSERT(parts_.codes.size() * sizeof(uint32_t) == sizes.codes);
  EH_ASSERT(parts_.scales.size() == sizes.scales && parts_.zeros.size() == sizes.zeros);
  std::vector<size_t> of_row(out);
  parallel_for(out, [&](size_t o) {
    std::vector<float> row(in);
    const int32_t id = static_cast<int32_t>(o);
    rows({&id, 1}, {row.data(), 1, in, in});
    of_row[o] = in - static_cast<size_t>(std::ranges::count(row, 0.0f));
  });
  nonzeros_ = std::accumulate(of_row.begin(), of_row.end(), size_t{0});
}

const std::byte* IntGroupLinear::scales(size_t panel, size_t group) const {
  return parts_.scales.data() + (panel * groups_ + group) * kLanes * dtype_bytes(format_.dtype);
}

const uint8_t* IntGroupLinear::zeros(size_t panel, size_t group) const {
  const size_t bytes = zero_bytes(format_);
  return bytes == 0 ? nullptr : parts_.zeros.data() + (panel * groups_ + group) * bytes;
}

uint32_t IntGroupLinear::code(size_t o, size_t i) const {
  const uint32_t* const words = codes(o / kLanes, i) + o % kLanes;
  uint32_t code = 0;
  each_plane(format_.bits, i % kUnit, [&](size_t word, size_t bit, size_t width, size_t shift) {
    code |= (words[word * kLanes] >> bit & ((1u << width) - 1)) << shift;
  });
  return code;
}

float IntGroupLinear::scale(size_t o, size_t group) const {
  const std::byte* const from = scales(o / kLanes, group);
  if (format_.dtype == Dtype::f32) return load_value(Dtype::f32, from + o % kLanes * 4);
  uint16_t half;
  std::memcpy(&half, from + o % kLanes * 2, sizeof half);
  return from_float16(half);
}

float IntGroupLinear::zero(size_t o, size_t group) const {
  const uint8_t* const from = zeros(o / kLanes, group);
  const size_t lane = o % kLanes, half = kLanes / 2;
  if (from == nullptr) return static_cast<float>(middle(format_.bits));
  if (format_.bits > 4) return from[lane];
  return static_cast<float>(from[lane % half] >> (lane >= half ? 4 : 0) & 15);
}

void IntGroupLinear::rows(std::span<const int32_t> ids, MutableMatrixView y) const {
  EH_ASSERT(y.rows == ids.size() && y.cols == in());
  parallel_for(ids.size(), [&](size_t row) {
    const size_t id = static_cast<size_t>(ids[row]);
    EH_ASSERT(ids[row] >= 0 && id < out());
    for (size_t group = 0; group < groups_; ++group) {
      const float step = scale(id, group), offset = zero(id, group);
      const size_t first = group * group_inputs(), end = std::min(in(), first + group_inputs());
      for (size_t i = first; i < end; ++i)
        y(row, i) = (static_cast<float>(code(id, i)) - offset) * step;
    }
  });
}

size_t IntGroupLinear::bytes() const {
  return parts_.codes.size() * sizeof(uint32_t) + parts_.scales.size() + parts_.zeros.size();
}

void IntGroupLinear::save(TensorWriter& to) const {
  const size_t panels = layout_.panels();
  to.put("codes",
         {"U32", {panels, units(), format_.bits, kLanes}, std::as_bytes(std::span(parts_.codes))});
  to.put("scales",
         {format_.dtype == Dtype::f32 ? "F32" : "F16", {panels, groups_, kLanes}, parts_.scales});
  if (!format_.symmetric)
    to.put("zeros",
           {"U8", {panels, groups_, zero_bytes(format_)}, std::as_bytes(std::span(parts_.zeros))});
}

}  // namespace evalharness
