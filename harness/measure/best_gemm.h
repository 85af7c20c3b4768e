// How fast dense matrices of a model's shapes are multiplied on this machine by the best program
// there is, ours or a library's: the practical ceiling beside the theoretical one.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "harness/measure/rates.h"
#include "harness/ops/linear_op.h"
#include "harness/result/run_result.h"

namespace evalharness {

struct GemmShape {
  size_t in = 0, out = 0;
  auto operator<=>(const GemmShape&) const = default;
};

struct GemmRate {
  GemmShape shape;
  std::string
      program;  // "our dense.bf16 many onednn", "onednn bf16, outputs split", "openblas f32, ..."
  Rate flops;   // per second, by all threads, with everything in cache that fits
};

// Each distinct shape by each program, in isolation. Takes about a second a shape; more where one
// product lasts longer than 20 ms.
std::vector<GemmRate> gemm_rates(std::span<const GemmShape> shapes, size_t tokens, Dtype dtype);

// The fastest of them as a line: "best GEMM at these shapes (onednn bf16, outputs split; 512 x 576
// x 1536)".
Ceiling best_gemm(std::span<const GemmRate> rates, size_t tokens);

}  // namespace evalharness
