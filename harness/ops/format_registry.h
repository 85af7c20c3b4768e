// The weight formats that there are. A format is one file here that registers itself (and its
// kernels in harness/backend/kernels); load_linear, bind_cpu and the contract test find it by name.
#pragma once

#include <string>
#include <vector>

#include "harness/ops/linear_op.h"
#include "harness/ops/tensor_io.h"

namespace evalharness {

struct WeightFormat {
  // A format() belongs to the longest prefix that it starts with: "sparse.bitmask.", "sparse.".
  std::string prefix;
  LinearPtr (*load)(const std::string& format, size_t out, size_t in, const MemoryTensors& parts);
  // Names that the contract test runs: "sparse.2:4.bf16".
  std::vector<std::string> examples;
  // The weight of this format that is near w in a simple way (largest magnitudes, nearest values).
  LinearPtr (*nearest)(const std::string& format, MatrixView w);
};

struct RegisterFormat {
  explicit RegisterFormat(WeightFormat format);
};

// Every registered format, by prefix.
std::vector<WeightFormat> weight_formats();
// Fails with "unknown weight format 'dense.f23'; there are: dense.bf16 dense.f32 ...".
WeightFormat weight_format(const std::string& name);
LinearPtr nearest_weight(const std::string& format, MatrixView w);  // by that format's `nearest`

// The dtype that ends a format's name: "dense.bf16" -> bf16. Fails where it is neither.
Dtype dtype_of_format(const std::string& format);
// "the op's part" checks: fails with "dense.bf16 [64, 32]: part 'weight': expected 4096 bytes, got
// 12".
const StoredTensor& stored_part(const MemoryTensors& parts, const std::string& what,
                                const std::string& name);
void check_part_bytes(const StoredTensor& part, const std::string& what, const std::string& name,
                      size_t expected);

}  // namespace evalharness
