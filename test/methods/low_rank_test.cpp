// SVD, ASVD and LASER.
#include <catch2/catch.hpp>

#include <cmath>

#include "methods/low_rank.h"
#include "methods/rank_search.h"
#include "test/support/calibration.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

// Bytes would count the padding of panels, which in thin factors is most of them.
size_t parameters(const LinearOp& op) {
  if (op.children().empty()) return op.out() * op.in();
  size_t sum = 0;
  for (const LinearOp* child : op.children()) sum += parameters(*child);
  return sum;
}

double energy_behind(const Matrix& w, size_t rank, const std::vector<double>& scales = {}) {
  DoubleMatrix scaled(w.view());
  if (!scales.empty())
    for (size_t i = 0; i < w.rows(); ++i)
      for (size_t j = 0; j < w.cols(); ++j) scaled(i, j) *= scales[j];
  const Svd whole = svd(scaled);
  double sum = 0;
  for (size_t k = rank; k < whole.s.size(); ++k) sum += whole.s[k] * whole.s[k];
  return sum;
}

// Some inputs of every layer are much larger than others, and outputs of a layer are not alike.
Model with_large_inputs() {
  Model model = tiny_model(5);
  for (Block& block : model.blocks)
    for (size_t j = 0; j < 16; j += 3) block.attention_norm[j] = block.mlp_norm[j] = 6;
  return model;
}

// Of the inputs of block 0's q.
std::vector<double> inputs_of_q(bool maxima) {
  const auto backend = make_cpu_backend({});
  Model model = with_large_inputs();
  std::vector<double> found;
  Calibration(random_text(8, 4), *backend).sweep(model, {.column_magnitudes = true, .column_maxima = true, .uncompressed_inputs = true},
                                           [&](const Layer& layer, const Inputs& x) {
                                             if (layer.block != 0 || layer.linear != Linear::q) return LinearPtr();
                                             found = x.column_magnitudes();
                                             if (maxima) found.assign(x.column_maxima().begin(), x.column_maxima().end());
                                             return LinearPtr();
                                           });
  return found;
}

}  // namespace

TEST_CASE("what svd leaves out is the energy of the singular values behind the rank", "[methods][svd]") {
  const Model dense = tiny_model(5);
  for (const size_t rank : {1, 3, 7}) {
    Model model = tiny_model(5);
    const Report report = compress_by(model, "{method: svd, rank: " + std::to_string(rank) + "}");
    for (const Linear linear : kLinears) {
      const Matrix w = weight(dense, 0, linear);
      CHECK(squared_distance(w, weight(model, 0, linear)) == Approx(energy_behind(w, rank)).epsilon(1e-4));
    }
  }
}

TEST_CASE("svd at full rank is exact, and then stores the matrix itself", "[methods][svd]") {
  const Model dense = tiny_model(5);
  Model model = tiny_model(5);
  compress_by(model, "{method: svd, rank: 8}");  // the smaller side of k and v
  CHECK(squared_distance(weight(dense, 1, Linear::k), weight(model, 1, Linear::k)) < 1e-10);
  CHECK(model.blocks[1].slot(Linear::k).op->format() == "dense.f32");
  CHECK(model.blocks[1].slot(Linear::up).op->format() == "chain(dense.f32, dense.f32)");
}

TEST_CASE("a ratio of the parameters gives a rank, and the factors have no more than that", "[methods][svd]") {
  CHECK(rank_of_ratio(0.8, 576, 576) == 230);    // 0.8 * 288
  CHECK(rank_of_ratio(0.8, 1536, 576) == 335);   // 0.8 * 418.9
  CHECK(rank_of_ratio(0.01, 16, 16) == 1);
  Model model = tiny_model(5);
  compress_by(model, "{method: svd, ratio: 0.5}");
  for (const Linear linear : kLinears) {
    const LinearOp& op = *model.blocks[0].slot(linear).op;
    CHECK(parameters(op) <= op.out() * op.in() / 2);
  }
}

TEST_CASE("asvd leaves out the least of the scaled matrix", "[methods][asvd]") {
  const Model dense = with_large_inputs();
  const Matrix w = weight(dense, 0, Linear::q);
  for (const bool maxima : {false, true}) {
    std::vector<double> scales = inputs_of_q(maxima);
    for (double& s : scales) s = std::sqrt(s) + 1e-6;
    Model model = with_large_inputs();
    compress_by(model, std::string("{method: asvd, rank: 3, scale: ") + (maxima ? "abs_max}" : "abs_mean}"));
    CAPTURE(maxima);
    CHECK(squared_distance(w, weight(model, 0, Linear::q), scales) == Approx(energy_behind(w, 3, scales)).epsilon(1e-4));
  }
}

TEST_CASE("asvd with alpha 0 is svd", "[methods][asvd]") {
  Model plain = with_large_inputs(), aware = with_large_inputs();
  compress_by(plain, "{method: svd, ratio: 0.6}");
  compress_by(aware, "{method: asvd, ratio: 0.6, alpha: 0}");
  for (const Linear linear : kLinears)
    CHECK(squared_distance(weight(plain, 1, linear), weight(aware, 1, linear)) < 1e-8);
}

TEST_CASE("asvd harms the outputs of layers with some large inputs less than svd does", "[methods][asvd]") {
  std::vector<Report> reports;
  for (const std::string alpha : {"0", "0.5", "1"}) {
    Model model = with_large_inputs();
    reports.push_back(compress_by(model, "{method: asvd, ratio: 0.6, alpha: " + alpha + "}"));
  }
  for (const size_t layer : {0, 1, 2, 4, 5}) {  // behind a norm
    CHECK(*reports[1].layers[layer].output_error < *reports[0].layers[layer].output_error);
    CHECK(*reports[2].layers[layer].output_error < *reports[0].layers[layer].output_error);
  }
}

TEST_CASE("asvd's search lets in the least harmful candidates until the ratio is met", "[methods][asvd]") {
  const std::vector<RankCandidate> candidates{{0, 0.4, 9}, {0, 0.9, 2}, {1, 0.4, 3}, {1, 0.9, 1}, {2, 0.4, 8}, {2, 0.9, 7}};
  const std::vector<double> weights{10, 10, 20};
  using Ratios = std::vector<double>;
  CHECK(least_ratios(candidates, weights, 1.0) == Ratios{1, 1, 1});
  CHECK(least_ratios(candidates, weights, 0.95) == Ratios{0.9, 0.9, 1});   // 38 of 40
  CHECK(least_ratios(candidates, weights, 0.83) == Ratios{0.9, 0.4, 1});   // 33
  CHECK(least_ratios(candidates, weights, 0.8) == Ratios{0.9, 0.4, 0.9});  // 31
  CHECK(least_ratios(candidates, weights, 0.1) == Ratios{0.4, 0.4, 0.4});
}

TEST_CASE("asvd's search keeps within the ratio and puts the original weights back meanwhile", "[methods][asvd]") {
  Model model = with_large_inputs();
  const Report report = compress_by(model, "{method: asvd, ratio: 0.7, search: {samples: 2}}");
  size_t whole = 0;
  size_t left = 0, weights = 0;
  for (const LayerReport& layer : report.layers) whole += layer.format == "dense.f32";
  for (const Block& block : model.blocks)
    for (const Slot& slot : block.slots) {
      left += parameters(*slot.op);
      weights += slot.op->out() * slot.op->in();
    }
  CHECK(whole > 0);
  CHECK(whole < 14);
  CHECK(double(left) <= 0.7 * double(weights));
}

TEST_CASE("laser changes the chosen matrices only", "[methods][laser]") {
  const Model dense = tiny_model(5);
  Model model = tiny_model(5);
  const Report report = compress_by(model, "{method: laser, blocks: [1], layers: mlp, fraction: 0.25}");
  for (size_t b = 0; b < 2; ++b)
    for (const Linear linear : kLinears) {
      const bool chosen = b == 1 && linear >= Linear::gate;
      CHECK((weight(model, b, linear) == weight(dense, b, linear)) == !chosen);
    }
  const Svd left = svd(DoubleMatrix(weight(model, 1, Linear::down).view()));
  CHECK(left.s[3] > 0.1);
  CHECK(left.s[4] < 1e-5);  // rank 4 of 16
}

TEST_CASE("laser with all singular values changes nothing", "[methods][laser]") {
  const Model dense = tiny_model(5);
  Model model = tiny_model(5);
  compress_by(model, "{method: laser, blocks: [0, 1], layers: all, fraction: 1}");
  for (const Linear linear : kLinears) CHECK(squared_distance(weight(dense, 1, linear), weight(model, 1, linear)) < 1e-10);
}

TEST_CASE("options of low-rank methods that cannot be are refused", "[methods][svd][config]") {
  const Model model = tiny_model(1);
  CHECK_THROWS_WITH(method_of("{method: svd, rank: 9}")->check(shape_of(model)),
                    "rank 9 does not fit model.layers.0.k_proj [8, 16]: its rank is 8 at most");
  CHECK_THROWS_WITH(method_of("{method: svd, ratio: 1.5}"), "test.yaml:1:22: ratio: expected 0 < ratio <= 1, got 1.5");
  CHECK_THROWS_WITH(method_of("{method: svd, ratio: 0.5, rank: 3}"), "test.yaml:1:22: ratio: expected either ratio or rank, got both");
  CHECK_THROWS_WITH(method_of("{method: asvd, rank: 3, search: {}}"),
                    "test.yaml:1:33: search: expected none beside a rank, which is the same everywhere");
  CHECK_THROWS_WITH(method_of("{method: asvd, ratio: 0.3, search: {}}"),
                    "test.yaml:1:23: ratio: expected at least 0.4, the least that the search tries, got 0.3");
  CHECK_THROWS_WITH(method_of("{method: laser, blocks: [0, 2]}")->check(shape_of(model)),
                    "test.yaml:1:29: blocks[1]: expected a block 0 .. 1, got 2");
  CHECK_THROWS_WITH(method_of("{method: laser, blocks: [0], layers: donw_proj}"),
                    "test.yaml:1:38: layers: expected one of attention, mlp, all, q_proj, k_proj, v_proj, o_proj, gate_proj, "
                    "up_proj, down_proj, got 'donw_proj' (did you mean 'down_proj'?)");
}
