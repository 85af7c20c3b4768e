// What only weights of many tokens or much depth come to: parts of a product, and a gate beside it.
#include "harness/backend/panel_linear.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "harness/backend/backend.h"
#include "harness/math/bfloat16.h"
#include "harness/ops/format_registry.h"
#include "test/support/isas.h"
#include "test/support/larger.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

Matrix in_bfloat16(Matrix m) {
  for (float& value : m.values()) value = round_to_bfloat16(value);
  return m;
}

LinearPtr weight(const std::string& format, size_t out, size_t in, uint64_t seed) {
  return weight_format(format).nearest(format, random_matrix(out, in, seed).view());
}

}  // namespace

TEST_CASE("rows that do not fit a cache meet a deep weight part by part", "[backend]") {
  constexpr size_t kTokens = 400, kOut = 70, kIn = 1500;  // 1.2 MB of inputs
  const Matrix x = random_matrix(kTokens, kIn, 0);
  for (const std::string format : {"dense.bf16", "int4.g64.bf16", "dense.f32"}) {
    const LinearPtr op = weight(format, kOut, kIn, 1);
    const bool bf16 = format.ends_with("bf16");
    const Matrix w = bf16 ? in_bfloat16(op->to_dense()) : op->to_dense();
    Matrix expected(kTokens, kOut);
    multiply_naive((bf16 ? in_bfloat16(x) : x).view(), w.view(), expected.view());
    for (const Isa isa : isas()) {
      if (isa == Isa::scalar) continue;  // has one way for all
      const auto linear = bind_cpu(*op, {.isa = isa});
      Matrix y(kTokens, kOut);
      linear->forward(x.view(), y.view());
      double largest = 0;  // products have a standard deviation of sqrt(1500) = 39
      for (size_t i = 0; i < kTokens; ++i)
        for (size_t j = 0; j < kOut; ++j) largest = test::larger(largest, std::abs(static_cast<double>(y(i, j) - expected(i, j))));
      CAPTURE(linear->kernel(kTokens));
      REQUIRE(largest < 39 * 1e-5);
      if (linear->kernel(kTokens).find("onednn") != std::string::npos) continue;
      // Fewer of the rows meet it as a whole: theirs are the same bytes.
      constexpr size_t kFewer = 96;
      Matrix fewer(kFewer, kOut);
      linear->forward(x.view().rows_from(0, kFewer), fewer.view());
      for (size_t i = 0; i < kFewer; ++i)
        for (size_t j = 0; j < kOut; ++j) REQUIRE(fewer(i, j) == y(i, j));
    }
  }
}

TEST_CASE("a gate and what it lets through as one product are those of two", "[backend]") {
  constexpr size_t kHidden = 320, kMiddle = 192;
  size_t gated = 0;
  for (const std::string format : {"dense.bf16", "int4.g64.bf16", "dense.f32", "sparse.bitmask.bf16"}) {
    const LinearPtr gate_op = weight(format, kMiddle, kHidden, 1), up_op = weight(format, kMiddle, kHidden, 2);
    for (const Isa isa : isas()) {
      const CpuOptions options{.isa = isa};
      const auto gate = bind_cpu(*gate_op, options), up = bind_cpu(*up_op, options);
      const auto joined = gate->join(std::vector<const BoundLinear*>{up.get()});
      REQUIRE(joined != nullptr);
      for (const size_t tokens : {1, 9, 600}) {
        const Matrix x = random_matrix(tokens, kHidden, tokens);
        Matrix both(tokens, 2 * kMiddle);
        joined->forward(x.view(), both.view());
        const MutableMatrixView expected = both.view().columns(0, kMiddle);
        make_cpu_backend(options)->silu_gate(expected, both.view().columns(kMiddle, kMiddle));
        Matrix wide(tokens, kMiddle + 16);  // rows that lie apart
        const MutableMatrixView y = wide.view().columns(0, kMiddle);
        CAPTURE(joined->kernel(tokens), tokens);
        if (!joined->forward_gated(x.view(), y)) {
          REQUIRE(y(0, 0) == 0);
          continue;
        }
        ++gated;
        for (size_t t = 0; t < tokens; ++t)
          for (size_t j = 0; j < kMiddle; ++j) REQUIRE(y(t, j) == expected(t, j));
      }
      // A single weight, and one whose halves are no whole panels, have no gate.
      Matrix half(9, kMiddle / 2);
      CHECK_FALSE(gate->forward_gated(random_matrix(9, kHidden, 9).view(), half.view()));
    }
  }
  CHECK((gated > 0) == has_isa(Isa::avx512bf16));
}
