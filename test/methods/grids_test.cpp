// Grids that are cut to where they lose least, and weights that are pruned and rounded in one loop.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

#include "harness/ops/uniform_grid.h"
#include "test/support/calibration.h"
#include "test/support/unit_inputs.h"

using namespace evalharness;

namespace {

double error_of(std::span<const float> unit, const UniformGrid& grid) {
  double sum = 0;
  for (const float x : unit) sum += std::pow(std::abs(double(x) - double(grid.round(x))), 2.4);
  return sum;
}

Model after(const std::string& yaml) {
  Model model = model_on_unit_vectors();
  compress_by(model, yaml, each_token_once());
  return model;
}

}  // namespace

TEST_CASE("a grid cut by mse has the least error of its 80 ranges, as a search of all of them finds", "[ops][grid]") {
  for (const bool symmetric : {false, true}) {
    const auto fit = symmetric ? UniformGrid::gptq_symmetric : UniformGrid::gptq_asymmetric;
    for (uint64_t seed = 0; seed < 20; ++seed) {
      Matrix w = random_matrix(1, 64, seed);
      w(0, 5) *= 4;  // one far from the others: the range is worth cutting
      const std::span<const float> unit = w.row(0);
      const Rounding rounding{.bits = 3, .group = 0, .fit = fit, .symmetric = symmetric, .mse = true, .dtype = Dtype::f32};
      const Range range = range_of(unit);
      double least = error_of(unit, fit(3, range));
      const double whole = least;
      for (int i = 1; i < 80; ++i) {
        const float p = 1 - static_cast<float>(i) / 100;
        least = std::min(least, error_of(unit, fit(3, {p * range.low, p * range.high})));
      }
      CAPTURE(symmetric, seed);
      CHECK(least < whole);
      CHECK(error_of(unit, rounding.grid(unit)) == Approx(least).epsilon(1e-4));
    }
  }
}

TEST_CASE("a unit of zeros has a grid with mse too", "[ops][grid]") {
  const std::vector<float> zeros(16);
  const UniformGrid grid = Rounding{.bits = 4, .mse = true}.grid(zeros);
  CHECK(grid.round(0.0f) == 0);
  CHECK(std::isfinite(grid.scale));
}

TEST_CASE("with mse rtn and gptq lose less on weights with outliers", "[methods][rtn][gptq]") {
  for (const std::string method : {"rtn", "gptq"}) {
    std::vector<double> errors;
    for (const std::string mse : {"false", "true"}) {
      Model model = tiny_model(5, Dtype::f32, 32);
      Matrix w = weight(model, 0, Linear::q);
      for (size_t i = 0; i < w.rows(); ++i) w(i, i % w.cols()) *= 6;
      model.blocks[0].slot(Linear::q).op = make_dense(w.view(), Dtype::f32);
      compress_by(model, "{method: " + method + ", bits: 3, group: row, mse: " + mse + "}");
      errors.push_back(squared_distance(w, weight(model, 0, Linear::q)));
    }
    CAPTURE(method, errors[0], errors[1]);
    CHECK(errors[1] < (method == "rtn" ? 0.9 : 1.0) * errors[0]);  // gptq minds the outputs, not the weights
  }
}

TEST_CASE("what rtn has rounded it rounds to itself, and more bits lose less", "[methods][rtn]") {
  for (const std::string scheme : {"asym", "gptq_sym", "absmax"}) {
    double last = 1e9;
    for (const std::string bits : {"2", "3", "4", "5", "6", "8"}) {
      const std::string yaml = "{method: rtn, group: 16, scheme: " + scheme + ", bits: " + bits + "}";
      Model once = tiny_model(5);
      compress_by(once, yaml);
      const Matrix w = weight(tiny_model(5), 0, Linear::down), rounded = weight(once, 0, Linear::down);
      const double error = squared_distance(w, rounded);
      CAPTURE(scheme, bits);
      CHECK(error < last);
      last = error;
      if (scheme == "gptq_sym") continue;  // its largest value lies half a step beyond the last level
      Model twice = tiny_model(5);
      twice.blocks[0].slot(Linear::down).op = make_dense(rounded.view(), Dtype::f32);
      compress_by(twice, yaml);
      const Matrix again = weight(twice, 0, Linear::down);
      for (size_t i = 0; i < again.size(); ++i) REQUIRE(again.values()[i] == Approx(rounded.values()[i]).margin(1e-6));
    }
  }
}

TEST_CASE("on inputs that do not depend on each other sparsegpt rounds what it keeps to nearest", "[methods][sparsegpt]") {
  const Matrix before = weight(model_on_unit_vectors(), 0, Linear::q);
  const Matrix pruned = weight(after("{method: sparsegpt, sparsity: 0.5}"), 0, Linear::q);
  for (const std::string form : {"group: row", "group: 16", "group: row, mse: true", "group: row, sym: true"}) {
    CAPTURE(form);
    const Model model = after("{method: sparsegpt, sparsity: 0.5, round: {bits: 4, " + form + "}}");
    const LinearOp& op = *model.blocks[0].slot(Linear::q).op;
    const std::string scales = form == "group: 16" ? "g16" : form.ends_with("sym: true") ? "row.sym" : "row";
    CHECK(op.format() == "sparse.bitmask.int4." + scales + ".f32");
    const Matrix made = op.to_dense();
    Rounding rounding{.bits = 4, .group = 0, .dtype = Dtype::f32};
    rounding.mse = form.ends_with("mse: true");
    if (form.ends_with("sym: true")) rounding.fit = UniformGrid::gptq_symmetric;
    for (size_t i = 0; i < before.rows(); ++i) {
      const UniformGrid grid = rounding.grid(before.row(i));  // of the row before it was pruned
      for (size_t j = 0; j < before.cols(); ++j) REQUIRE(made(i, j) == (pruned(i, j) == 0 ? 0.0f : grid.round(before(i, j))));
    }
  }
}

TEST_CASE("the grids of sparsegpt's groups are each fitted to their own columns", "[methods][sparsegpt]") {
  // Two groups a row; blocks of half a group, and some that end within one. H is diagonal, so that nothing moves.
  const auto model_after = [](const std::string& yaml) {
    Model model = model_on_unit_vectors(32);
    compress_by(model, yaml, each_token_once(32));
    return weight(model, 0, Linear::q);
  };
  const Matrix before = weight(model_on_unit_vectors(32), 0, Linear::q);
  for (const std::string block : {"8", "24", "32"}) {
    CAPTURE(block);
    const Matrix pruned = model_after("{method: sparsegpt, sparsity: 0.5, block: " + block + "}");
    const Matrix made = model_after("{method: sparsegpt, sparsity: 0.5, block: " + block + ", round: {bits: 3, group: 16}}");
    for (size_t i = 0; i < before.rows(); ++i)
      for (const size_t first : {size_t{0}, size_t{16}}) {
        const UniformGrid grid = Rounding{.bits = 3, .dtype = Dtype::f32}.grid(before.row(i).subspan(first, 16));
        for (size_t j = first; j < first + 16; ++j) REQUIRE(made(i, j) == (pruned(i, j) == 0 ? 0.0f : grid.round(before(i, j))));
      }
  }
}

TEST_CASE("where sparsegpt prunes nothing its codes are those of gptq, without a mask", "[methods][sparsegpt]") {
  Model pruned = tiny_model(5), rounded = tiny_model(5);
  compress_by(pruned, "{method: sparsegpt, sparsity: 0, round: {bits: 3, group: 16}}", random_text(4, 8));
  compress_by(rounded, "{method: gptq, bits: 3, group: 16}", random_text(4, 8));
  for (const Linear linear : kLinears) {
    const LinearOp& op = *pruned.blocks[0].slot(linear).op;
    CHECK(op.format() == "int3.g16.f32");
    CHECK(op.to_dense() == weight(rounded, 0, linear));
  }
}

TEST_CASE("rounding in sparsegpt's loop makes up for what it prunes and rounds", "[methods][sparsegpt]") {
  const auto larger = [] { return tiny_model(5, Dtype::f32, 64); };
  for (const std::string pattern : {"sparsity: 0.5", "pattern: 2:4"}) {
    Model made = larger();
    compress_by(made, "{method: sparsegpt, " + pattern + ", round: {bits: 4, group: row}}", random_text(4, 40));
    const auto backend = make_cpu_backend({});
    Model dense = larger();
    Calibration(random_text(4, 40), *backend).observe(dense, {.gram = true}, [&](const Layer& layer, const Inputs& x) {
      if (layer.block != 0) return;  // later blocks saw other inputs
      const Matrix before = layer.weight(), after = weight(made, 0, layer.linear);
      DoubleMatrix updated(before.rows(), before.cols()), plain = updated;  // errors of the weights
      for (size_t i = 0; i < before.rows(); ++i) {
        const UniformGrid grid = Rounding{.bits = 4, .dtype = Dtype::f32}.grid(before.row(i));
        for (size_t j = 0; j < before.cols(); ++j) {
          updated(i, j) = double(after(i, j) - before(i, j));
          plain(i, j) = double((after(i, j) == 0 ? 0 : grid.round(before(i, j))) - before(i, j));
        }
      }
      CAPTURE(pattern, layer.slot.name);
      CHECK(output_energy(updated, x.gram()) < output_energy(plain, x.gram()));
    });
  }
}

TEST_CASE("sparsegpt's rounding has ranges", "[methods][sparsegpt][config]") {
  CHECK_THROWS_WITH(method_of("{method: sparsegpt, round: {bits: 9}}"), "test.yaml:1:35: round.bits: expected 2..8, got 9");
  CHECK_THROWS_WITH(method_of("{method: sparsegpt, round: {bit: 4}}"), "test.yaml:1:34: round.bit: unknown key (did you mean 'bits'?)");
}
