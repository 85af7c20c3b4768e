// Weights made of other weights, by hand.
#include <catch2/catch.hpp>

#include "harness/ops/chain.h"
#include "harness/ops/gathered_input.h"
#include "harness/ops/quantised_input.h"
#include "harness/ops/scaled_input.h"
#include "harness/ops/sum.h"

using namespace evalharness;

namespace {

LinearPtr dense(const Matrix& w) { return make_dense(w.view(), Dtype::f32); }

// What a leaf of f32 gives, in plain loops.
Matrix product(const LinearOp& op, MatrixView x) {
  const Matrix w = op.to_dense();
  Matrix y(x.rows, op.out());
  for (size_t t = 0; t < x.rows; ++t)
    for (size_t o = 0; o < op.out(); ++o)
      for (size_t i = 0; i < op.in(); ++i) y(t, o) += x(t, i) * w(o, i);
  return y;
}

LinearPtr example_chain() {
  return make_chain(dense(Matrix(1, 3, {1, 0, 2})), dense(Matrix(2, 1, {3, 4})));
}

}  // namespace

TEST_CASE("a chain is U V: its zeros, bytes and operations are counted from the factors", "[ops][combinator]") {
  const LinearPtr op = example_chain();
  CHECK(op->format() == "chain(dense.f32, dense.f32)");
  CHECK(op->to_dense() == Matrix(2, 3, {3, 0, 6, 4, 0, 8}));
  CHECK(op->nonzeros() == 4);
  CHECK(op->bytes() == op->children()[0]->bytes() + op->children()[1]->bytes() + 8);
  const Cost cost = op->cost(10);
  CHECK(cost.dense_flops == 2 * 10 * 6);
  CHECK(cost.effective_flops == 2 * 10 * (2 + 2));  // 1, 2 of V and 3, 4 of U
  CHECK(op->child_input(0, Matrix(1, 3, {1, 1, 1}).view(), product) == Matrix(1, 3, {1, 1, 1}));
  CHECK(op->child_input(1, Matrix(1, 3, {1, 1, 1}).view(), product) == Matrix(1, 1, {3}));
}

TEST_CASE("a sum's zeros are those of the sum", "[ops][combinator]") {
  const LinearPtr op = make_sum(dense(Matrix(1, 3, {1, 0, 2})), dense(Matrix(1, 3, {-1, 0, 5})));
  CHECK(op->to_dense() == Matrix(1, 3, {0, 0, 7}));
  CHECK(op->nonzeros() == 1);
  CHECK(op->cost(1).effective_flops == 2 * 4);  // both parts are multiplied
}

TEST_CASE("scales belong to the inputs", "[ops][combinator]") {
  const LinearPtr op = make_scaled_input({2, 10, 0.5f}, dense(Matrix(2, 3, {1, 2, 4, 0, 1, 1})));
  CHECK(op->to_dense() == Matrix(2, 3, {2, 20, 2, 0, 10, 0.5f}));
  CHECK(op->child_input(0, Matrix(1, 3, {1, 2, 4}).view(), product) == Matrix(1, 3, {2, 20, 2}));
  CHECK(op->bytes() == 3 * 4 + op->children()[0]->bytes());
}

TEST_CASE("a permuted input puts column j of the part at ids[j]", "[ops][combinator]") {
  const LinearPtr op = make_permuted_input({2, 0, 1}, dense(Matrix(1, 3, {1, 2, 3})));
  CHECK(op->format() == "permuted_input(dense.f32)");
  CHECK(op->to_dense() == Matrix(1, 3, {2, 3, 1}));
  CHECK(op->child_input(0, Matrix(1, 3, {10, 20, 30}).view(), product) == Matrix(1, 3, {30, 10, 20}));
}

TEST_CASE("a selected input leaves the other columns zero", "[ops][combinator]") {
  const LinearPtr op = make_selected_input({3, 1}, 4, dense(Matrix(1, 2, {5, 6})));
  CHECK(op->format() == "selected_input(dense.f32)");
  CHECK(op->in() == 4);
  CHECK(op->to_dense() == Matrix(1, 4, {0, 6, 0, 5}));
  CHECK(op->nonzeros() == 2);
}

TEST_CASE("a quantised input is rounded to 127 steps of each token's largest magnitude", "[ops][combinator]") {
  const LinearPtr op = make_quantised_input(dense(Matrix(1, 4, {1, 2, 3, 4})));
  CHECK(op->to_dense() == Matrix(1, 4, {1, 2, 3, 4}));
  // Steps of 2 and of 1 / 127; ties go to the even code; a token of zeros stays zero.
  const Matrix x(3, 4, {-254, 3, 1, 5, 1, 0, 0.5f, -1, 0, 0, 0, 0});
  const Matrix rounded = op->child_input(0, x.view(), product);
  const float step = 1.0f / 127;
  CHECK(rounded == Matrix(3, 4, {-254, 4, 0, 4, 127 * step, 0, 64 * step, -127 * step, 0, 0, 0, 0}));
}

TEST_CASE("a tensor's scale is of all its tokens, a static one of none: what lies beyond is cut off", "[ops][combinator]") {
  const Matrix x(2, 3, {-254, 3, 1, 100, 0, 5});
  // Steps of 2 for both tokens; ties go to the even code.
  const LinearPtr tensor = make_tensor_quantised_input(dense(Matrix(1, 3, {1, 2, 3})));
  CHECK(tensor->format() == "quantised_input.tensor(dense.f32)");
  CHECK(tensor->child_input(0, x.view(), product) == Matrix(2, 3, {-254, 4, 0, 100, 0, 4}));
  CHECK(tensor->child_input(0, Matrix(1, 3).view(), product) == Matrix(1, 3));
  // Steps of 1/2 reach as far as 63.5.
  const LinearPtr fixed = make_static_quantised_input(0.5f, dense(Matrix(1, 3, {1, 2, 3})));
  CHECK(fixed->format() == "quantised_input.static(dense.f32)");
  CHECK(fixed->child_input(0, x.view(), product) == Matrix(2, 3, {-63.5f, 3, 1, 63.5f, 0, 5}));
  CHECK(fixed->bytes() == tensor->bytes() + 4);
  CHECK_THROWS_WITH(make_static_quantised_input(0, dense(Matrix(1, 3))), "quantised_input.static: expected a scale > 0, got 0");
}

TEST_CASE("only codes times codes count as integer products, and trees sum them up", "[ops][combinator]") {
  const Matrix w(1, 32, std::vector<float>(32, 1.0f));
  const auto cost_of = [&](const std::string& format) { return nearest_weight(format, w.view())->cost(3); };
  const Cost integers = cost_of("quantised_input(int8.row.sym.bf16)");
  CHECK(integers.integer_flops == integers.executed_flops);
  CHECK(cost_of("quantised_input(int4.g32.bf16)").integer_flops == 0);
  CHECK(cost_of("int8.row.sym.bf16").integer_flops == 0);
  const Cost sum = cost_of("sum(scaled_input(quantised_input(int8.row.sym.bf16)), dense.bf16)");
  CHECK(sum.integer_flops == integers.executed_flops);
  CHECK(sum.executed_flops == integers.executed_flops + cost_of("dense.bf16").executed_flops);
}

TEST_CASE("combinators over combinators say their whole expression", "[ops][combinator]") {
  const LinearPtr op = make_scaled_input({1, 2, 3}, make_sum(example_chain(), dense(Matrix(2, 3, {0, 1, 0, 0, 0, 1}))));
  CHECK(op->format() == "scaled_input(sum(chain(dense.f32, dense.f32), dense.f32))");
  CHECK(op->to_dense() == Matrix(2, 3, {3, 2, 18, 4, 0, 27}));
  CHECK(child_formats(op->format(), 1) == std::vector<std::string>{"sum(chain(dense.f32, dense.f32), dense.f32)"});
  CHECK(child_formats("sum(chain(a, b), c)", 2) == std::vector<std::string>{"chain(a, b)", "c"});
}

TEST_CASE("parts that do not fit are refused with a line", "[ops][combinator]") {
  const auto w = [](size_t out, size_t in) { return dense(Matrix(out, in)); };
  CHECK_THROWS_WITH(make_chain(w(2, 8), w(8, 3)), "chain: U [8, 3] does not read the 2 outputs of V");
  CHECK_THROWS_WITH(make_sum(w(2, 8), w(2, 7)), "sum: expected one size, got [2, 8] and [2, 7]");
  CHECK_THROWS_WITH(make_scaled_input({1, 1}, w(2, 3)), "scaled_input: expected 3 scales, got 2");
  CHECK_THROWS_WITH(make_scaled_input({1, 0, 1}, w(2, 3)),
                    "scaled_input: expected finite scales other than 0, got 0 for input 1");
  CHECK_THROWS_WITH(make_permuted_input({0, 2, 2}, w(2, 3)),
                    "gathered input: expected different ids below 3, got 2 twice");
  CHECK_THROWS_WITH(make_selected_input({0, 9}, 3, w(2, 2)),
                    "gathered input: expected different ids below 3, got 9");
  CHECK_THROWS_WITH(make_permuted_input({0, 1}, w(2, 3)), "gathered input: expected 3 ids of inputs, got 2");
  CHECK_THROWS_WITH(child_formats("sum(a, b", 2), "weight format 'sum(a, b': expected 2 formats in brackets");
  CHECK_THROWS_WITH(child_formats("sum(a)", 2), "weight format 'sum(a)': expected 2 formats in brackets");
}
