#include "harness/ops/stored_grids.h"

#include <cmath>
#include <cstring>

#include "harness/base/error.h"
#include "harness/base/integers.h"
#include "harness/base/text.h"
#include "harness/math/float16.h"
#include "harness/math/gemm.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/panel_layout.h"
#include "harness/ops/uniform_grid.h"

namespace evalharness {
namespace {

size_t zero_bytes(const IntGroupFormat& format) {  // of a panel's group
  if (format.symmetric) return 0;
  return format.bits <= 4 ? kPanelWidth / 2 : kPanelWidth;
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
  const std::string what = cat("int", q.bits, " weight [", q.out, ", ", q.in, "]");
  const uint32_t last = (1u << q.bits) - 1;
  for (const std::vector<uint8_t>* const codes : {&q.codes, &q.zeros}) {
    const auto found = std::ranges::find_if(*codes, [&](uint8_t code) { return code > last; });
    if (found == codes->end()) continue;
    fail(cat(what, codes == &q.codes ? ": code " : ": zero ", found - codes->begin(),
             ": expected 0..", last, ", got ", static_cast<uint32_t>(*found)));
  }
  for (size_t i = 0; i < q.scales.size(); ++i) {
    const float scale = stored_scale(q.scales.values()[i], dtype);
    if (std::isfinite(scale) && scale >= 0) continue;
    fail(cat(what, ": scale of row ", i / q.groups(), ", group ", i % q.groups(),
             ": expected a positive number that the format holds, got ", q.scales.values()[i]));
  }
}

template <class T>
void read_part(const MemoryTensors& parts, const std::string& what, const std::string& name, AlignedVector<T>& to) {
  const StoredTensor& part = stored_part(parts, what, name);
  check_part_bytes(part, what, name, to.size() * sizeof(T));
  std::memcpy(to.data(), part.bytes.data(), part.bytes.size());
}

IntGroupFormat format_of(const QuantisedMatrix& q, Dtype dtype) {
  return {.bits = q.bits, .group = q.group, .symmetric = q.zeros.empty(), .dtype = dtype};
}

}  // namespace

float stored_scale(float scale, Dtype dtype) {
  constexpr float kLeastHalf = 0x1p-24f;
  if (dtype == Dtype::f32 || scale == 0) return scale;
  return from_float16(to_float16(std::max(scale, kLeastHalf)));
}

void check_quantised(const QuantisedMatrix& q, Dtype dtype) {
  check_weight_shape(q.out, q.in);
  check_format(format_of(q, dtype));
  check_values(q, dtype);
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

QuantisedMatrix nearest_codes(MatrixView w, const IntGroupFormat& format) {
  const auto fit = format.symmetric ? UniformGrid::absmax : UniformGrid::gptq_asymmetric;
  return round_to_grid(w, {.bits = format.bits,
                           .group = format.group,
                           .fit = fit,
                           .symmetric = format.symmetric,
                           .dtype = format.dtype});
}

StoredGrids::StoredGrids(const IntGroupFormat& format, size_t out, size_t in)
    : format_(format), depth_(round_up(in, kUnit)), groups_(format.group == 0 ? 1 : ceil_div(in, format.group)) {
  const size_t panels = ceil_div(out, kPanelWidth);
  scales_.resize(panels * groups_ * kPanelWidth * dtype_bytes(format.dtype));
  zeros_.resize(panels * groups_ * zero_bytes(format));
}

StoredGrids::StoredGrids(const QuantisedMatrix& q, Dtype dtype) : StoredGrids(format_of(q, dtype), q.out, q.in) {
  for (size_t o = 0; o < q.out; ++o) put_row(q, o);
}

void StoredGrids::put_row(const QuantisedMatrix& q, size_t o) {
  const size_t panel = o / kPanelWidth, lane = o % kPanelWidth, width = dtype_bytes(format_.dtype), bytes = zero_bytes(format_);
  for (size_t group = 0; group < groups_; ++group) {
    std::byte* const to = scales_.data() + ((panel * groups_ + group) * kPanelWidth + lane) * width;
    const float scale = stored_scale(q.scales(o, group), format_.dtype);
    const uint16_t half = to_float16(scale);
    if (format_.dtype == Dtype::f32) std::memcpy(to, &scale, sizeof scale);
    if (format_.dtype == Dtype::bf16) std::memcpy(to, &half, sizeof half);
    if (bytes == 0) continue;
    const uint32_t placed = static_cast<uint32_t>(q.zero(o, group)) << (lane >= bytes ? 4 : 0);
    uint8_t& byte = zeros_[(panel * groups_ + group) * bytes + lane % bytes];
    byte = static_cast<uint8_t>(byte | placed);
  }
}

StoredGrids StoredGrids::load(const std::string& what, const IntGroupFormat& format, size_t out, size_t in,
                              const MemoryTensors& parts) {
  StoredGrids grids(format, out, in);
  read_part(parts, what, "scales", grids.scales_);
  if (!format.symmetric) read_part(parts, what, "zeros", grids.zeros_);
  return grids;
}

void StoredGrids::save(TensorWriter& to) const {
  const size_t width = dtype_bytes(format_.dtype), panels = scales_.size() / (groups_ * kPanelWidth * width);
  to.put("scales", {format_.dtype == Dtype::f32 ? "F32" : "F16", {panels, groups_, kPanelWidth}, scales_});
  if (!format_.symmetric)
    to.put("zeros", {"U8", {panels, groups_, zero_bytes(format_)}, std::as_bytes(std::span(zeros_))});
}

const std::byte* StoredGrids::scales(size_t panel, size_t group) const {
  return scales_.data() + (panel * groups_ + group) * kPanelWidth * dtype_bytes(format_.dtype);
}

const uint8_t* StoredGrids::zeros(size_t panel, size_t group) const {
  const size_t bytes = zero_bytes(format_);
  return bytes == 0 ? nullptr : zeros_.data() + (panel * groups_ + group) * bytes;
}

float StoredGrids::scale(size_t o, size_t group) const {
  const std::byte* const from = scales(o / kPanelWidth, group);
  if (format_.dtype == Dtype::f32) return load_value(Dtype::f32, from + o % kPanelWidth * 4);
  uint16_t half;
  std::memcpy(&half, from + o % kPanelWidth * 2, sizeof half);
  return from_float16(half);
}

float StoredGrids::zero(size_t o, size_t group) const {
  const uint8_t* const from = zeros(o / kPanelWidth, group);
  const size_t lane = o % kPanelWidth, half = kPanelWidth / 2;
  if (from == nullptr) return static_cast<float>(1u << (format_.bits - 1));
  if (format_.bits > 4) return from[lane];
  return static_cast<float>(from[lane % half] >> (lane >= half ? 4 : 0) & 15);
}

}  // namespace evalharness
