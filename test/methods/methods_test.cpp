#include <catch2/catch.hpp>

#include <cmath>
#include <map>

#include "harness/base/parallel.h"
#include "harness/ops/tensor_io.h"
#include "harness/ops/tree.h"
#include "methods/sparsity.h"
#include "test/support/calibration.h"
#include "test/support/originals.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

SparsityPattern pattern_of(const std::string& yaml) { return SparsityPattern(ConfigNode::parse(yaml, "test.yaml")); }

std::vector<float> pruned(const std::string& yaml, const std::vector<float>& scores, std::vector<float> weights) {
  pattern_of(yaml).prune(scores, weights);
  return weights;
}

// The methods that are registered, each with every form of its options that changes its path.
std::vector<std::string> every_method() {
  return {"{method: awq, weights: keep}", "{method: rtn, bits: 4, group: 16, scheme: gptq_sym}", "{method: magnitude, sparsity: 0.5}", "{method: magnitude, pattern: 2:4}", "{method: wanda, sparsity: 0.5}",
          "{method: wanda, pattern: 2:4}", "{method: wanda, pattern: 4:8}", "{method: wanda, variant: true}", "{method: sparsegpt, sparsity: 0.5}",
          "{method: sparsegpt, pattern: 2:4}", "{method: sparsegpt, round: {bits: 4, group: 16}}",
          "{method: sparsegpt, pattern: 2:4, round: {bits: 3, group: row, sym: true, mse: true}}", "{method: sparsegpt, sparsity: 0.5, true_sequential: true, block: 8}",
          "{method: wanda, sparsity: 0.5, allocation: {sensitivity: {spread: 0.1}}}",
          "{method: awq, bits: 3, group: 16}", "{method: awq, bits: 4, group: row, clip: false}",
          "{method: awq, bits: 4, group: 16, layers: all}",
          "{method: svd, ratio: 0.5}", "{method: asvd, rank: 3}", "{method: asvd, ratio: 0.5, scale: abs_max}", "{method: asvd, ratio: 0.7, search: {}}",
          "{method: laser, blocks: [1], layers: mlp}", "{method: rtn, bits: 4, group: 16}", "{method: rtn, bits: 3, group: row}", "{method: rtn, bits: 3, group: 16, mse: true}",
          "{method: rtn, bits: 8, group: row, scheme: absmax}", "{method: rtn, bits: 2, group: 16, scheme: awq}",
          "{method: magnitude, sparsity: 0.5, scope: row}", "{method: magnitude, sparsity: 0.5, scope: global}",
          "{method: gptq, bits: 4, group: 16}", "{method: gptq, bits: 3, group: row, sym: true, act_order: true}",
          "{method: gptq, bits: 2, group: 16, refit: fresh, true_sequential: true}",
          "{method: gptq, bits: 4, group: 16, static_groups: true, act_order: true}", "{method: gptq, bits: 4, group: 16, act_order: true}",
          "{method: rtn, bits: 8, group: row, scheme: absmax, activations: int8}", "{method: smoothquant}",
          "{method: rtn, bits: 8, group: row, scheme: absmax, activations: int8_static}",
          "{method: smoothquant, layers: all, alpha: 0.8}", "{method: smoothquant, weights: keep}",
          "{method: smoothquant, weights: int8_tensor, activations: int8_tensor}",
          "{method: smoothquant, layers: all, weights: int8_tensor, activations: int8_static}",
          "{method: llm_int8}", "{method: llm_int8, threshold: 0.5}",
          "{method: dsnot, layers: all}", "{method: dsnot, layers: all, same_sign: true}"};
}

// All bytes of the model's block weights.
std::string weights_hash(const Model& model) {
  std::string all;
  for (const Block& block : model.blocks)
    for (const Slot& slot : block.slots) {
      MemoryTensors parts;
      slot.op->save(parts);
      for (const auto& [name, tensor] : parts.parts()) all += name + sha256_hex(tensor.bytes);
    }
  return sha256_hex(all);
}

}  // namespace

TEST_CASE("unstructured pruning zeroes the lowest scores of the row; of ties the lowest index", "[methods]") {
  CHECK(pruned("sparsity: 0.5", {1, 4, 2, 3}, {10, 20, 30, 40}) == std::vector<float>{0, 20, 0, 40});
  CHECK(pruned("sparsity: 0.5", {1, 1, 1, 1}, {10, 20, 30, 40}) == std::vector<float>{0, 0, 30, 40});
  CHECK(pruned("sparsity: 0.4", {4, 3, 2, 1}, {1, 1, 1, 1}) == std::vector<float>{1, 1, 1, 0});  // int(1.6) is 1
}

TEST_CASE("N:M keeps N of every M neighbours", "[methods]") {
  CHECK(pruned("pattern: 1:4", {1, 2, 3, 4, 9, 9, 9, 9}, {1, 2, 3, 4, 5, 6, 7, 8}) == std::vector<float>{0, 0, 0, 4, 0, 0, 0, 8});
  CHECK(pruned("pattern: 3:4", {1, 2, 3, 4, 9, 9, 9, 9}, {1, 2, 3, 4, 5, 6, 7, 8}) == std::vector<float>{0, 2, 3, 4, 0, 6, 7, 8});
  CHECK(pruned("pattern: 2:8", {5, 2, 3, 4, 9, 1, 1, 1}, {1, 2, 3, 4, 5, 6, 7, 8}) == std::vector<float>{1, 0, 0, 0, 5, 0, 0, 0});
  CHECK(pruned("pattern: 2:4", {1, 2, 3, 4, 9, 9, 9, 9}, {1, 2, 3, 4, 5, 6, 7, 8}) ==
        std::vector<float>{0, 0, 3, 4, 0, 0, 7, 8});
}

TEST_CASE("a mistyped option is an error that says where and what was meant", "[methods][config]") {
  CHECK_THROWS_WITH(method_of("method: wanda\nsparsty: 0.5\n"),
                    "test.yaml:2:10: sparsty: unknown key (did you mean 'sparsity'?)");
  CHECK_THROWS_WITH(method_of("method: wanda\nsparsity: 1.5\n"),
                    "test.yaml:2:11: sparsity: expected 0 <= sparsity < 1, got 1.5");
  CHECK_THROWS_WITH(method_of("method: wnda\n"),
                    "test.yaml:1:9: method: unknown method 'wnda' (did you mean 'wanda'?); there are: asvd, awq, dsnot, gptq, laser, "
                    "llm_int8, magnitude, rtn, smoothquant, sparsegpt, svd, wanda");
  CHECK_THROWS_WITH(method_of("method: wanda\npattern: 4:2\n"),
                    "test.yaml:2:10: pattern: expected N:M with 0 < N < M, N of M kept, M one of 2, 4, 8, 16, as 2:4, got '4:2'");
}

TEST_CASE("a pattern that does not fit a layer is refused before anything runs", "[methods]") {
  const Model model = tiny_model(1);
  const Model wide = tiny_model(1, Dtype::f32, 24);
  CHECK_THROWS_WITH(method_of("{method: wanda, pattern: 4:16}")->check(shape_of(wide)),
                    "pattern 4:16 does not fit model.layers.0.q_proj: its 24 inputs are no multiple of 16; 2:8 fits");
  CHECK_NOTHROW(method_of("{method: wanda, pattern: 4:16}")->check(shape_of(model)));
  // No format would store these.
  for (const std::string pattern : {"2:5", "2:6", "16:32", "3:3", "0:4"})
    CHECK_THROWS_WITH(method_of("{method: wanda, pattern: " + pattern + "}"), Catch::Contains("M one of 2, 4, 8, 16"));
  // The factors of a chain have inputs of their own: U [16, 5] here.
  Model chains = tiny_model(1);
  method_of("{method: svd, rank: 5}")->compress(chains, Calibration({}, *make_cpu_backend({})));
  CHECK_THROWS_WITH(method_of("{method: wanda, pattern: 2:4}")->check(shape_of(chains)),
                    "pattern 2:4 does not fit model.layers.0.q_proj: its 5 inputs are no multiple of 4; a sparsity fits");
  CHECK_THROWS_WITH(method_of("{method: svd, rank: 6}")->check(shape_of(chains)),
                    "rank 6 does not fit model.layers.0.q_proj [5, 16]: its rank is 5 at most");
}

TEST_CASE("magnitude takes one threshold over the matrix, and every tie at it", "[methods]") {
  const auto backend = make_cpu_backend({});
  Model model = tiny_model(1);
  Slot& slot = model.blocks[0].slot(Linear::o);
  Matrix w(16, 16);
  for (size_t i = 0; i < 256; ++i) w.values()[i] = i % 2 == 0 ? 3.0f : -static_cast<float>(i);
  slot.op = make_dense(w.view(), Dtype::f32);
  method_of("{method: magnitude, sparsity: 0.25}")->compress(model, Calibration({}, *backend));
  // 64 of 256 are asked for; 128 weights of 3 and -1, -3 are at or below the threshold 3.
  CHECK(slot.op->nonzeros() == 256 - 130);
}

TEST_CASE("a sparsity of 0 prunes nothing, not the least weight either", "[methods]") {
  const auto backend = make_cpu_backend({});
  for (const std::string scope : {"layer", "row", "global"}) {
    Model model = tiny_model(1);
    method_of("{method: magnitude, sparsity: 0, scope: " + scope + "}")->compress(model, Calibration({}, *backend));
    for (size_t b = 0; b < model.blocks.size(); ++b)
      for (const Linear linear : kLinears) {
        const Matrix before = tiny_model(1).blocks[b].slot(linear).op->to_dense();
        CHECK(model.blocks[b].slot(linear).op->to_dense() == before);
      }
  }
}

TEST_CASE("magnitude of scope row prunes the same number in each row", "[methods]") {
  const auto backend = make_cpu_backend({});
  Model model = tiny_model(1);
  const Matrix before = model.blocks[0].slot(Linear::o).op->to_dense();
  method_of("{method: magnitude, sparsity: 0.25, scope: row}")->compress(model, Calibration({}, *backend));
  const Matrix after = model.blocks[0].slot(Linear::o).op->to_dense();
  for (size_t i = 0; i < 16; ++i) {
    CHECK(std::ranges::count(after.row(i), 0.0f) == 4);
    float pruned = 0, kept = 1e9f;
    for (size_t j = 0; j < 16; ++j)
      (after(i, j) == 0 ? pruned = std::max(pruned, std::abs(before(i, j))) : kept = std::min(kept, std::abs(before(i, j))));
    CHECK(pruned < kept);
  }
}

TEST_CASE("magnitude of scope global has one threshold for all layers", "[methods]") {
  const auto backend = make_cpu_backend({});
  Model model = tiny_model(1);
  // Layers of other scales end at other sparsities.
  Matrix small = model.blocks[0].slot(Linear::q).op->to_dense();
  for (float& value : small.values()) value *= 0.1f;
  model.blocks[0].slot(Linear::q).op = make_dense(small.view(), Dtype::f32);
  std::vector<float> all;
  for (const Block& block : model.blocks)
    for (const Slot& slot : block.slots) {
      const Matrix w = slot.op->to_dense();
      for (const float value : w.values()) all.push_back(std::abs(value));
    }
  std::ranges::sort(all);
  const size_t rank = size_t(double(all.size()) * 0.4);
  const Report report =
      method_of("{method: magnitude, sparsity: 0.4, scope: global}")->compress(model, Calibration({}, *backend));
  size_t zeros = 0;
  for (const Block& block : model.blocks)
    for (const Slot& slot : block.slots) {
      const Matrix w = slot.op->to_dense();
      zeros += size_t(std::ranges::count(w.values(), 0.0f));
      for (const float value : w.values()) REQUIRE((value == 0 || std::abs(value) > all[rank]));
    }
  CHECK(zeros == rank + 1);  // the threshold itself goes
  CHECK(report.layers[0].sparsity > 0.9);
  CHECK(report.layers[1].sparsity < 0.5);
  CHECK_THROWS_WITH(method_of("{method: magnitude, pattern: 2:4, scope: global}"),
                    "test.yaml:1:42: scope: expected none beside a pattern, whose groups are the scope, got 'global'");
}

TEST_CASE("wanda keeps a small weight whose input is large", "[methods]") {
  const auto backend = make_cpu_backend({});
  Model model = tiny_model(1);
  // The norm's gain makes input 3 of block 0 a thousand times larger.
  model.blocks[0].attention_norm[3] = 1000;
  const Matrix before = model.blocks[0].slot(Linear::q).op->to_dense();
  method_of("{method: wanda, sparsity: 0.5}")->compress(model, Calibration(short_text(), *backend));
  const Matrix after = model.blocks[0].slot(Linear::q).op->to_dense();
  for (size_t i = 0; i < after.rows(); ++i) {
    CHECK(after(i, 3) == before(i, 3));
    CHECK(std::ranges::count(after.row(i), 0.0f) == 8);
  }
}

TEST_CASE("contract of every method", "[methods][contract]") {
  std::map<std::string, size_t> tested;
  // Behind 40 inputs the last group of 16 is short.
  struct Case {
    Dtype dtype;
    size_t intermediate;
  };
  for (const std::string& yaml : every_method()) {
    for (const auto [dtype, intermediate] : {Case{Dtype::f32, 32}, Case{Dtype::bf16, 32}, Case{Dtype::bf16, 40}}) {
      CAPTURE(yaml, dtype_name(dtype), intermediate);
      const auto backend = make_cpu_backend({});
      const size_t threads = thread_count();
      std::vector<std::string> hashes;
      for (const size_t n : {size_t{1}, size_t{3}}) {
        set_thread_count(n);
        Model model = tiny_model(5, dtype, TinyShape{.intermediate = intermediate});
        const MethodPtr method = method_of(yaml);
        method->check(shape_of(model));
        const Calibration calibration(short_text(), *backend, originals_of(model));
        // What refines a mask needs one.
        if (yaml.find("dsnot") != yaml.npos) method_of("{method: wanda, sparsity: 0.5}")->compress(model, calibration);
        const Report report = method->compress(model, calibration);
        REQUIRE(report.layers.size() == 14);
        for (const LayerReport& layer : report.layers) {
          const bool changed = layer.weight_error.has_value();
          CHECK((!changed || (*layer.weight_error >= 0 && std::isfinite(*layer.weight_error))));
          CHECK((changed || layer.format.starts_with("dense.") || layer.format.starts_with("sparse.") || layer.format.starts_with("scaled_input(")));
        }
        size_t i = 0;
        for (const Block& block : model.blocks)
          for (const Slot& slot : block.slots) {
            const Matrix w = slot.op->to_dense();
            const double weights = static_cast<double>(w.size());
            for (const float value : w.values()) REQUIRE(std::isfinite(value));
            CHECK(report.layers[i].bits_per_weight == Approx(8.0 * static_cast<double>(slot.op->bytes()) / weights));
            size_t zeros = 0, stored = 0;
            each_leaf(*slot.op, [&](const LinearOp& leaf) {
              const Matrix of_leaf = leaf.to_dense();
              zeros += size_t(std::ranges::count(of_leaf.values(), 0.0f));
              stored += of_leaf.size();
            });
            CHECK(report.layers[i].sparsity == Approx(double(zeros) / double(stored)));
            CHECK(report.layers[i].format == slot.op->format());
            ++i;
          }
        hashes.push_back(weights_hash(model));
      }
      set_thread_count(threads);
      CHECK(hashes[0] == hashes[1]);
    }
    ++tested[ConfigNode::parse(yaml, "test.yaml").at("method").as_string()];
  }
  for (const MethodInfo& info : list_methods()) CHECK(tested[info.name] > 0);
}

// The tiny model's layers are one tile of everything.
TEST_CASE("methods give the same bytes on any number of threads where layers are several tiles", "[methods][contract]") {
  const auto backend = make_cpu_backend({});
  const size_t threads = thread_count();
  for (const std::string yaml : {"{method: gptq, bits: 3, group: 64}", "{method: gptq, bits: 4, group: 32, act_order: true}", "{method: sparsegpt, sparsity: 0.5}",
                                 "{method: sparsegpt, pattern: 2:4, round: {bits: 4}}", "{method: wanda, sparsity: 0.5}", "{method: awq, bits: 3, group: 64}"}) {
    CAPTURE(yaml);
    std::vector<std::string> hashes;
    for (const size_t n : {size_t{1}, size_t{3}}) {
      set_thread_count(n);
      Model model = tiny_model(5, Dtype::bf16, TinyShape{.hidden = 192, .intermediate = 416, .kv_heads = 16});
      method_of(yaml)->compress(model, Calibration(random_text(3, 4), *backend));
      hashes.push_back(weights_hash(model));
    }
    set_thread_count(threads);
    CHECK(hashes[0] == hashes[1]);
  }
}

TEST_CASE("options that cannot be are refused where they stand", "[methods][config]") {
  const std::pair<std::string, std::string> refused[] = {
      {"{method: sparsegpt, block: 0}", "block: expected at least 1 column, got 0"},
      {"{method: gptq, damping: 0}", "damping: expected damping > 0, got 0"},
      {"{method: dsnot, threshold: -1}", "threshold: expected threshold >= 0, got -1"},
      {"{method: dsnot, power: -0.5}", "power: expected power >= 0, got -0.5"},
      {"{method: asvd, ratio: 0.5, alpha: -1}", "alpha: expected alpha >= 0, got -1"},
      {"{method: asvd, ratio: 0.7, search: {samples: 0}}", "samples: expected at least 1, got 0"},
      {"{method: awq, weights: keep, clip: true}", "clip: expected none beside weights: keep, which rounds nothing"},
      {"{method: laser, blocks: []}", "blocks: expected at least one block"},
      {"{method: laser, blocks: [0], fraction: 0}", "fraction: expected 0 < fraction <= 1, got 0"},
      {"{method: smoothquant, alpha: 2}", "alpha: expected 0 <= alpha <= 1, got 2"},
  };
  for (const auto& [yaml, why] : refused) {
    CAPTURE(yaml);
    CHECK_THROWS_WITH(method_of(yaml), Catch::StartsWith("test.yaml:1:") && Catch::EndsWith(why));
  }
}

TEST_CASE("rtn moves no weight by more than half a step of its group's grid", "[methods][rtn]") {
  const auto backend = make_cpu_backend({});
  Model model = tiny_model(5);
  const Matrix before = model.blocks[0].slot(Linear::down).op->to_dense();  // [16, 32]
  method_of("{method: rtn, bits: 4, group: 16}")->compress(model, Calibration({}, *backend));
  const LinearOp& op = *model.blocks[0].slot(Linear::down).op;
  const Matrix after = op.to_dense();
  for (size_t i = 0; i < before.rows(); ++i)
    for (size_t group = 0; group < 32; group += 16) {
      // GPTQ's asymmetric grid: the range with zero in it, in 15 steps.
      float low = 0, high = 0;
      for (size_t j = group; j < group + 16; ++j) {
        low = std::min(low, before(i, j));
        high = std::max(high, before(i, j));
      }
      const float step = (high - low) / 15;
      for (size_t j = group; j < group + 16; ++j) CHECK(std::abs(after(i, j) - before(i, j)) <= 0.501f * step);
    }
}

TEST_CASE("rtn's options have ranges", "[methods][rtn][config]") {
  CHECK_THROWS_WITH(method_of("{method: rtn, bits: 9}"), "test.yaml:1:21: bits: expected 2..8, got 9");
  CHECK_THROWS_WITH(method_of("{method: rtn, group: 24}"),
                    "test.yaml:1:22: group: expected a multiple of 16, or row, got 24");
}

TEST_CASE("what a step pruned stays pruned when the next one rounds", "[methods][pipeline]") {
  const auto backend = make_cpu_backend({});
  const Calibration calibration(short_text(), *backend);
  for (const char* second : {"{method: rtn, bits: 4, group: 16}", "{method: rtn, bits: 4, group: row, scheme: absmax}",
                             "{method: gptq, bits: 4, group: 16}", "{method: gptq, bits: 3, group: row, act_order: true}"}) {
    CAPTURE(second);
    Model model = tiny_model(5);
    method_of("{method: wanda, sparsity: 0.5}")->compress(model, calibration);
    std::vector<Matrix> pruned;
    for (const Slot& slot : model.blocks[1].slots) pruned.push_back(slot.op->to_dense());
    method_of(second)->compress(model, calibration);
    CHECK(model.blocks[1].slots[0].op->format().starts_with("sparse.bitmask.int"));
    for (size_t i = 0; i < pruned.size(); ++i) {
      const Matrix w = model.blocks[1].slots[i].op->to_dense();
      for (size_t k = 0; k < w.size(); ++k)
        if (pruned[i].values()[k] == 0) REQUIRE(w.values()[k] == 0);
    }
  }
}
