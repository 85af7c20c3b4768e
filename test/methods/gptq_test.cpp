#include <catch2/catch.hpp>

#include <algorithm>

#include "harness/ops/gathered_input.h"
#include "harness/base/sha256.h"
#include "harness/ops/int_group.h"
#include "harness/ops/tensor_io.h"
#include "harness/ops/uniform_grid.h"
#include "test/support/calibration.h"
#include "test/support/unit_inputs.h"

using namespace evalharness;

namespace {

// Rounding to nearest of every layer with GPTQ's grid, as a sweep that reports output errors.
std::vector<LayerReport> round_all(Model& model, size_t bits, const CalibrationSet& set) {
  const auto backend = make_cpu_backend({});
  return Calibration(set, *backend).sweep(model, {.gram = true}, [&](const Layer& layer, const Inputs&) {
    return make_int_group(round_to_grid(layer.weight().view(), {.bits = bits, .group = 16, .dtype = layer.dtype}), layer.dtype);
  });
}

}  // namespace

TEST_CASE("gptq on inputs that do not depend on each other is rounding to nearest", "[methods][gptq]") {
  // Block 0's q sees unit vectors times these gains: H is diagonal. Its rows have two groups, whose columns come in another order
  // where they go by the diagonal.
  const std::string forms[] = {"", ", static_groups: true", ", static_groups: true, act_order: true", ", refit: fresh", ", block: 7"};
  for (const std::string& form : forms) {
    CAPTURE(form);
    Model model = model_on_unit_vectors(32), rounded = model_on_unit_vectors(32);
    for (Model* m : {&model, &rounded})
      for (size_t j = 0; j < 32; ++j) m->blocks[0].attention_norm[j] = 0.5f + 0.1f * static_cast<float>(j * 7 % 32);
    compress_by(model, "{method: gptq, bits: 3, group: 16" + form + "}", each_token_once(32));
    round_all(rounded, 3, each_token_once(32));
    CHECK(values_of(model.blocks[0].slot(Linear::q)) == values_of(rounded.blocks[0].slot(Linear::q)));
  }
}

TEST_CASE("with act_order alone gptq's groups are of columns whose turns are neighbours", "[methods][gptq]") {
  // H is diagonal, as above: each column is rounded to the nearest level of its group.
  Model model = model_on_unit_vectors(32);
  const auto gain = [](uint32_t j) { return 0.5f + 0.1f * static_cast<float>(j * 7 % 32); };
  std::vector<uint32_t> turns(32);
  for (uint32_t j = 0; j < 32; ++j) {
    model.blocks[0].attention_norm[j] = gain(j);
    turns[j] = j;
  }
  std::ranges::sort(turns, [&](uint32_t a, uint32_t b) { return gain(a) > gain(b); });
  const Matrix w = model.blocks[0].slot(Linear::q).op->to_dense();
  compress_by(model, "{method: gptq, bits: 3, group: 16, act_order: true}", each_token_once(32));
  const LinearOp& q = *model.blocks[0].slot(Linear::q).op;
  CHECK(q.format() == "permuted_input(int3.g16.f32)");
  const Matrix rounded =
      make_int_group(round_to_grid(gather_columns(w.view(), turns).view(), {.bits = 3, .group = 16, .dtype = Dtype::f32}), Dtype::f32)->to_dense();
  const Matrix made = q.to_dense();
  for (size_t i = 0; i < w.rows(); ++i)
    for (size_t j = 0; j < 32; ++j) REQUIRE(made(i, turns[j]) == rounded(i, j));
}

TEST_CASE("gptq harms the outputs of block 0 less than rounding does", "[methods][gptq]") {
  for (const size_t bits : {2, 3, 4}) {
    const std::string options = "{method: gptq, group: 16, bits: " + std::to_string(bits);
    Model rounded = tiny_model(5);
    const std::vector<LayerReport> rtn = round_all(rounded, bits, random_text(4, 8));
    for (const std::string form : {"}", ", act_order: true, static_groups: true}", ", act_order: true}", ", refit: fresh}"}) {
      Model model = tiny_model(5);
      const Report report = compress_by(model, options + form, random_text(4, 8));
      for (size_t i = 0; i < kLinears.size(); ++i) {
        CAPTURE(bits, form, rtn[i].name);
        CHECK(*report.layers[i].output_error < *rtn[i].output_error);
      }
    }
  }
}

TEST_CASE("gptq's refit: fresh has blocks of a group, and no others beside it", "[methods][gptq]") {
  CHECK_THROWS_WITH(method_of("{method: gptq, bits: 3, group: 16, refit: fresh, block: 32}"),
                    Catch::EndsWith("block: expected the group's 16, as refit: fresh has it, got 32"));
  CHECK_NOTHROW(method_of("{method: gptq, bits: 3, group: 16, refit: fresh, block: 16}"));
  CHECK_NOTHROW(method_of("{method: gptq, bits: 3, group: row, refit: fresh, block: 32}"));
}

namespace {

// Of block 0's q, whose 32 inputs depend on each other: all bytes of a part ("scales", ..) after a method.
std::string part_of_q(const std::string& yaml, const std::string& part) {
  Model model = tiny_model(5, Dtype::f32, 32);
  compress_by(model, yaml, random_text(4, 8));
  MemoryTensors parts;
  model.blocks[0].slot(Linear::q).op->save(parts);
  const auto bytes = parts.parts().at(part).bytes;
  return sha256_hex(bytes);
}

}  // namespace

TEST_CASE("gptq fits grids to what refit and static_groups say", "[methods][gptq]") {
  const std::string grid = "bits: 3, group: 16", ref = "{method: gptq, " + grid + "}", fresh = "{method: gptq, " + grid + ", refit: fresh}",
                    fixed = "{method: gptq, " + grid + ", static_groups: true}", blocks = "{method: gptq, " + grid + ", block: 16}";
  // Both groups are in one block of 128 columns: ref fits the second to weights that the first has not moved yet, as static_groups
  // and plain rounding do.
  const std::string scales = part_of_q("{method: rtn, " + grid + "}", "scales");
  CHECK(part_of_q(ref, "scales") == scales);
  CHECK(part_of_q(fixed, "scales") == scales);
  CHECK(part_of_q(fresh, "scales") != scales);
  // In blocks of a group ref is fresh, and static_groups is what it was.
  for (const std::string part : {"scales", "codes"}) {
    CHECK(part_of_q(blocks, part) == part_of_q(fresh, part));
    CHECK(part_of_q("{method: gptq, " + grid + ", static_groups: true, block: 16}", part) == part_of_q(fixed, part));
    CHECK(part_of_q(ref, part) == part_of_q(fixed, part));
  }
}

TEST_CASE("with true_sequential the inputs of o are those that the compressed q, k and v make", "[methods][gptq][sparsegpt]") {
  for (const std::string options : {"method: gptq, bits: 2, group: 16", "method: sparsegpt, sparsity: 0.7"}) {
    CAPTURE(options);
    Model sequential = tiny_model(5), at_once = tiny_model(5), by_hand = tiny_model(5);
    compress_by(sequential, "{" + options + ", true_sequential: true}", random_text(4, 8));
    compress_by(at_once, "{" + options + "}", random_text(4, 8));
    // q, k and v see the same either way.
    CHECK(weight(sequential, 0, Linear::k) == weight(at_once, 0, Linear::k));
    for (const Linear linear : {Linear::q, Linear::k, Linear::v})
      by_hand.blocks[0].slot(linear).op = make_dense(weight(sequential, 0, linear).view(), Dtype::f32);
    compress_by(by_hand, "{" + options + "}", random_text(4, 8));
    const Matrix o = weight(sequential, 0, Linear::o);
    CHECK(squared_distance(o, weight(by_hand, 0, Linear::o)) < 1e-6 * squared_distance(o, weight(at_once, 0, Linear::o)));
    CHECK(squared_distance(o, weight(at_once, 0, Linear::o)) > 0);
  }
}

TEST_CASE("the block size does not change what gptq gives with a grid a row", "[methods][gptq]") {
  std::vector<std::vector<float>> found;
  for (const std::string block : {"1", "7", "32", "128"}) {
    Model model = tiny_model(5);
    compress_by(model, "{method: gptq, bits: 3, group: row, block: " + block + "}", random_text(4, 8));
    found.push_back(values_of(model.blocks[0].slot(Linear::down)));
  }
  for (const std::vector<float>& values : found) CHECK(values == found[0]);
}

TEST_CASE("a dead input's weights are zero after gptq", "[methods][gptq]") {
  Model model = tiny_model(5);
  model.blocks[0].attention_norm[3] = 0;
  compress_by(model, "{method: gptq, bits: 3, group: 16}", random_text(4, 8));
  const Matrix q = model.blocks[0].slot(Linear::q).op->to_dense();
  for (size_t i = 0; i < q.rows(); ++i) CHECK(q(i, 3) == 0);
}

TEST_CASE("a symmetric grid stores no zeros", "[methods][gptq]") {
  Model model = tiny_model(5, Dtype::bf16);
  const Report report = compress_by(model, "{method: gptq, bits: 4, group: 16, sym: true}", random_text(4, 8));
  CHECK(report.layers[0].format == "int4.g16.sym.bf16");
}

TEST_CASE("options of gptq that cannot be are refused", "[methods][gptq][config]") {
  const auto method = [](const std::string& yaml) { return make_method(ConfigNode::parse(yaml, "test.yaml")); };
  CHECK_THROWS_WITH(method("{method: gptq, bits: 9}"), "test.yaml:1:22: bits: expected 2..8, got 9");
  CHECK_THROWS_WITH(method("{method: gptq, group: 24}"), "test.yaml:1:23: group: expected a multiple of 16, or row, got 24");
}
