// Optimal brain surgeon's loop, and SparseGPT on it.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

#include "methods/obs.h"
#include "test/support/calibration.h"
#include "test/support/tiny_model.h"
#include "test/support/unit_inputs.h"

using namespace evalharness;

namespace {

DoubleMatrix random_weights(size_t out, size_t in) { return DoubleMatrix(random_matrix(out, in, 11).view()); }

// H = 2/200 X^T X of inputs that depend on each other.
DoubleMatrix correlated_hessian(size_t in) {
  const Matrix z = random_matrix(200, in, 21), mix = random_matrix(in, in, 22, 1 / std::sqrt(double(in)));
  Matrix x(200, in);
  for (size_t t = 0; t < x.rows(); ++t)
    for (size_t i = 0; i < in; ++i)
      for (size_t j = 0; j < in; ++j) x(t, j) += z(t, i) * mix(i, j);
  Inputs inputs({.gram = true}, 200);
  inputs.add(x.view());
  inputs.finish();
  return hessian(inputs);
}

DoubleMatrix damped(DoubleMatrix h, double damping) {
  double mean = 0;
  for (size_t j = 0; j < h.rows(); ++j) mean += h(j, j) / double(h.rows());
  for (size_t j = 0; j < h.rows(); ++j) h(j, j) += damping * mean;
  return h;
}

DoubleMatrix difference(const DoubleMatrix& a, const DoubleMatrix& b) {
  DoubleMatrix d = a;
  for (size_t i = 0; i < d.values().size(); ++i) d.values()[i] -= b.values()[i];
  return d;
}

// Every third weight goes; else every weight is rounded to a half.
const ColumnRule kThirds{{}, [](size_t i, size_t j, std::span<const double> row) { return (i + j) % 3 == 0 ? 0.0 : row[j]; }};
const ColumnRule kHalves{{}, [](size_t, size_t j, std::span<const double> row) { return std::nearbyint(row[j] * 2) / 2; }};

std::vector<float> without(const Matrix& w, double sparsity) {
  std::vector<float> magnitudes, values(w.values().begin(), w.values().end());
  for (const float value : values) magnitudes.push_back(std::abs(value));
  std::ranges::sort(magnitudes);
  const float threshold = magnitudes[static_cast<size_t>(double(magnitudes.size()) * sparsity)];
  for (float& value : values)
    if (std::abs(value) <= threshold) value = 0;
  return values;
}

}  // namespace

TEST_CASE("the columns to the right make up for a pruned one: two inputs by hand", "[methods][obs]") {
  // H = {{2, 1}, {1, 2}}; without w1 = 3 the best w2 is 1 + 3 * 1/2, and the error 1/2 * 9 * (2 - 1/2).
  DoubleMatrix h(2, 2), w(1, 2);
  h(0, 0) = h(1, 1) = 2;
  h(0, 1) = h(1, 0) = 1;
  w(0, 0) = 3;
  w(0, 1) = 1;
  const InverseHessian inverse = invert_hessian(h, 1e-14);
  const double loss = fix_columns(w, inverse.u, 128, {{}, [](size_t, size_t j, std::span<const double> row) {
                                    return j == 0 ? 0.0 : row[j];
                                  }});
  CHECK(w(0, 0) == 0);
  CHECK(w(0, 1) == Approx(2.5));
  CHECK(loss == Approx(6.75));
}

TEST_CASE("the loss of the loop is 1/2 trace(dW H dW^T) of the damped Hessian", "[methods][obs]") {
  const DoubleMatrix before = random_weights(24, 70), h = correlated_hessian(70);
  for (const ColumnRule& rule : {kThirds, kHalves}) {
    DoubleMatrix w = before;
    const double loss = fix_columns(w, invert_hessian(h, 0.01).u, 32, rule);
    CHECK(loss == Approx(0.5 * output_energy(difference(w, before), damped(h, 0.01))).epsilon(1e-9));
  }
}

TEST_CASE("making up for errors beats not doing so", "[methods][obs]") {
  const DoubleMatrix before = random_weights(24, 70), h = correlated_hessian(70);
  for (const ColumnRule& rule : {kThirds, kHalves}) {
    DoubleMatrix updated = before, plain = before;
    fix_columns(updated, invert_hessian(h, 0.01).u, 128, rule);
    for (size_t i = 0; i < plain.rows(); ++i)
      for (size_t j = 0; j < plain.cols(); ++j) plain(i, j) = rule.fix(i, j, plain.row(i));
    CHECK(output_energy(difference(updated, before), h) < 0.9 * output_energy(difference(plain, before), h));
  }
}

TEST_CASE("for a mask the loop lies between its weights as they were and the best there are for it", "[methods][obs]") {
  const DoubleMatrix before = random_weights(24, 70), h = correlated_hessian(70);
  DoubleMatrix updated = before, plain = before;
  fix_columns(updated, invert_hessian(h, 0.01).u, 128, kThirds);
  const auto is_kept = [](size_t i, size_t j) { return (i + j) % 3 != 0; };
  // Least squares, one kept weight at a time: ((w' - w) H)_j = 0 at its best value.
  for (size_t i = 0; i < plain.rows(); ++i)
    for (size_t j = 0; j < plain.cols(); ++j)
      if (!is_kept(i, j)) plain(i, j) = 0;
  DoubleMatrix best = plain;
  for (size_t round = 0; round < 300; ++round)
    for (size_t i = 0; i < best.rows(); ++i)
      for (size_t j = 0; j < best.cols(); ++j) {
        double slope = 0;
        for (size_t k = 0; k < best.cols(); ++k) slope += (best(i, k) - before(i, k)) * h(k, j);
        if (is_kept(i, j)) best(i, j) -= slope / h(j, j);
      }
  const auto error = [&](const DoubleMatrix& w) { return output_energy(difference(w, before), h); };
  CHECK(error(best) < error(updated));
  CHECK(error(updated) < 0.9 * error(plain));
}

TEST_CASE("the size of the blocks does not change the result", "[methods][obs]") {
  const DoubleMatrix before = random_weights(20, 70);
  const InverseHessian inverse = invert_hessian(correlated_hessian(70), 0.01);
  for (const ColumnRule& rule : {kThirds, kHalves}) {
    DoubleMatrix expected = before;
    fix_columns(expected, inverse.u, 1, rule);
    for (const size_t block : {7, 32, 128}) {
      DoubleMatrix w = before;
      fix_columns(w, inverse.u, block, rule);
      for (size_t i = 0; i < w.values().size(); ++i) REQUIRE(w.values()[i] == Approx(expected.values()[i]).margin(1e-12));
    }
  }
}

TEST_CASE("the loop is LDLQ on reversed columns", "[methods][obs]") {
  // QuIP (arXiv:2307.13304, section 3): with H = L D L^T, L unit lower, from the last column to the first
  //     q(i) = round(w(i) + sum over k > i of (w(k) - q(k)) L(k, i)).
  const size_t n = 40;
  const DoubleMatrix before = random_weights(24, n), h = damped(correlated_hessian(n), 0.01);
  DoubleMatrix l(n, n);
  std::vector<double> d(n);
  const auto reversed = [&](size_t i, size_t j) { return h(n - 1 - i, n - 1 - j); };
  for (size_t j = 0; j < n; ++j)
    for (size_t i = j; i < n; ++i) {
      double sum = reversed(i, j);
      for (size_t k = 0; k < j; ++k) sum -= l(i, k) * d[k] * l(j, k);
      if (i == j) d[j] = sum;
      l(i, j) = sum / d[j];
    }
  DoubleMatrix w = before;
  fix_columns(w, invert_hessian(correlated_hessian(n), 0.01).u, 16, kHalves);
  for (size_t row = 0; row < w.rows(); ++row) {
    std::vector<double> q(n);
    for (size_t i = n; i-- > 0;) {
      double value = before(row, n - 1 - i);
      for (size_t k = i + 1; k < n; ++k) value += (before(row, n - 1 - k) - q[k]) * l(k, i);
      q[i] = std::nearbyint(value * 2) / 2;
    }
    for (size_t i = 0; i < n; ++i) REQUIRE(w(row, n - 1 - i) == q[i]);
  }
}

TEST_CASE("a dead input is fixed before the damping, and its weights are zero", "[methods][obs]") {
  DoubleMatrix h(3, 3), w(2, 3);
  h(0, 0) = 4;
  h(2, 2) = 7;
  std::ranges::fill(w.values(), 5.0);
  const InverseHessian inverse = invert_hessian(h, 0.5);
  CHECK(inverse.dead == std::vector<size_t>{1});
  CHECK(inverse.u(0, 0) == Approx(1 / std::sqrt(4 + 0.5 * 4)));  // mean diagonal (4 + 1 + 7) / 3
  inverse.zero_dead(w);
  CHECK(std::vector<double>(w.values().begin(), w.values().end()) == std::vector<double>{5, 0, 5, 5, 0, 5});
}

TEST_CASE("a Hessian without an inverse is damped ten times more, and that is counted", "[methods][obs]") {
  DoubleMatrix h(2, 2);
  std::ranges::fill(h.values(), 1.0);
  const InverseHessian inverse = invert_hessian(h, 1e-18);
  CHECK(inverse.damped_again >= 1);
  CHECK(std::isfinite(inverse.u(0, 0)));
  CHECK(invert_hessian(h, 0.01).damped_again == 0);
}

TEST_CASE("sparsegpt on inputs that do not depend on each other is magnitude pruning of each block", "[methods][sparsegpt]") {
  Model model = model_on_unit_vectors();
  const Matrix w = model.blocks[0].slot(Linear::q).op->to_dense();
  SECTION("one threshold over all rows") {
    compress_by(model, "{method: sparsegpt, sparsity: 0.5}", each_token_once());
    CHECK(values_of(model.blocks[0].slot(Linear::q)) == without(w, 0.5));
  }
  SECTION("one a block of columns") {
    compress_by(model, "{method: sparsegpt, sparsity: 0.25, block: 8}", each_token_once());
    for (const size_t first : {0, 8}) {
      Matrix part(16, 8), pruned(16, 8);
      for (size_t i = 0; i < 16; ++i)
        for (size_t j = 0; j < 8; ++j) {
          part(i, j) = w(i, first + j);
          pruned(i, j) = model.blocks[0].slot(Linear::q).op->to_dense()(i, first + j);
        }
      CHECK(without(part, 0.25) == std::vector<float>(pruned.values().begin(), pruned.values().end()));
    }
  }
  SECTION("N:M row by row") {
    compress_by(model, "{method: sparsegpt, pattern: 2:4}", each_token_once());
    Model other = model_on_unit_vectors();
    compress_by(other, "{method: magnitude, pattern: 2:4}", {});
    CHECK(values_of(model.blocks[0].slot(Linear::q)) == values_of(other.blocks[0].slot(Linear::q)));
  }
}

TEST_CASE("sparsegpt at sparsity 0 changes nothing", "[methods][sparsegpt]") {
  Model model = tiny_model(5);
  const Model before = tiny_model(5);
  compress_by(model, "{method: sparsegpt, sparsity: 0}", random_text(4, 8));
  for (size_t b = 0; b < 2; ++b)
    for (const Linear linear : kLinears) CHECK(values_of(model.blocks[b].slot(linear)) == values_of(before.blocks[b].slot(linear)));
}

TEST_CASE("sparsegpt harms block 0 less than Wanda does, at any pattern", "[methods][sparsegpt]") {
  for (const std::string pattern : {"sparsity: 0.5", "pattern: 1:4", "pattern: 3:4", "pattern: 4:8"}) {
    CAPTURE(pattern);
    std::vector<Report> reports;
    for (const std::string method : {"sparsegpt", "wanda"}) {
      Model model = tiny_model(5);
      reports.push_back(compress_by(model, "{method: " + method + ", " + pattern + "}", random_text(4, 8)));
    }
    for (size_t i = 0; i < kLinears.size(); ++i) CHECK(*reports[0].layers[i].output_error < *reports[1].layers[i].output_error);
    CHECK(reports[0].counts.at("dead_columns") == 0);
  }
}

TEST_CASE("with fewer tokens than inputs the Hessian is damped more, and the report counts that", "[methods][gptq]") {
  CalibrationSet three_tokens;
  three_tokens.samples = {{1, 2, 3}};
  Model model = tiny_model(5);
  const Report report = compress_by(model, "{method: gptq, bits: 4, group: 16, damping: 1e-12}", three_tokens);
  CHECK(report.counts.at("damped_again") > 0);
  const Matrix down = model.blocks[1].slot(Linear::down).op->to_dense();
  for (const float value : down.values()) REQUIRE(std::isfinite(value));
}

TEST_CASE("dead inputs are pruned and counted", "[methods][sparsegpt]") {
  Model model = tiny_model(5);
  model.blocks[0].attention_norm[3] = 0;
  const Report report = compress_by(model, "{method: sparsegpt, sparsity: 0.5}", random_text(4, 8));
  const Matrix q = model.blocks[0].slot(Linear::q).op->to_dense();
  for (size_t i = 0; i < q.rows(); ++i) CHECK(q(i, 3) == 0);
  CHECK(report.counts.at("dead_columns") == 3);  // of q, k and v
}

TEST_CASE("options of sparsegpt that cannot be are refused", "[methods][sparsegpt][config]") {
  const auto method = [](const std::string& yaml) { return make_method(ConfigNode::parse(yaml, "test.yaml")); };
  CHECK_THROWS_WITH(method("{method: sparsegpt, pattern: 2:4, block: 6}"),
                    "test.yaml:1:42: block: expected a multiple of 4, got 6");
  CHECK_THROWS_WITH(method("{method: sparsegpt, damping: 0}"), "test.yaml:1:30: damping: expected damping > 0, got 0");
}
