// A model as data.
#include "harness/model/model.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "harness/model/transformer.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

// Has one matrix, whatever it is asked for.
class OneMatrix final : public Checkpoint {
 public:
  explicit OneMatrix(Matrix w) : w_(std::move(w)) {}
  const ModelConfig& config() const override { return config_; }
  bool has(const std::string&) const override { return true; }
  Matrix read(const std::string& name) const override {
    asked = name;
    return w_;
  }
  std::string path() const override { return "one"; }
  size_t file_bytes() const override { return 0; }
  mutable std::string asked;

 private:
  Matrix w_;
  ModelConfig config_;
};

const OneMatrix& nothing() {
  static const OneMatrix none(Matrix(1, 1));
  return none;
}

}  // namespace

TEST_CASE("a head of its own type holds the checkpoint's values, not the model's rounded ones", "[model][head]") {
  Model model = tiny_model(1, Dtype::bf16);
  const OneMatrix checkpoint(random_matrix(64, 16, 1));  // what the model's embedding was rounded from
  store_head(model, "f32", checkpoint);
  CHECK(checkpoint.asked == "model.embed_tokens.weight");
  CHECK(model.head().format() == "dense.f32");
  CHECK(model.head().to_dense() == random_matrix(64, 16, 1));
  store_head(model, "bf16", checkpoint);
  CHECK(model.head().format() == "dense.bf16");
  CHECK(model.head().to_dense() == tiny_model(1, Dtype::bf16).head().to_dense());
  model.config.tied_head = false;
  store_head(model, "f32", checkpoint);
  CHECK(checkpoint.asked == "lm_head.weight");
  CHECK(model.embedding->format() == "dense.bf16");
}

TEST_CASE("an int8 head is within half a step of the dense one, and a tied embedding reads it", "[model][head]") {
  Model model = tiny_model(1);
  const Matrix dense = model.head().to_dense();  // [vocab, 16]: one group a row
  store_head(model, "int8", nothing());
  CHECK(model.head().format() == "int8.g32.sym.f32");
  CHECK(&model.head() == model.embedding.get());
  const Matrix stored = model.head().to_dense();
  for (size_t i = 0; i < dense.rows(); ++i) {
    float largest = 0;
    for (const float x : dense.row(i)) largest = std::max(largest, std::abs(x));
    for (size_t j = 0; j < dense.cols(); ++j)
      REQUIRE(std::abs(stored(i, j) - dense(i, j)) <= largest / 127 / 2 * 1.0001f);
  }
}

TEST_CASE("an int8 head of its own leaves the embedding as it is", "[model][head]") {
  Model model = tiny_model(1);
  model.config.tied_head = false;
  model.separate_head = make_dense(random_matrix(64, 16, 9).view(), Dtype::bf16);
  model.dtype = Dtype::bf16;
  store_head(model, "int8", nothing());
  CHECK(model.head().format() == "int8.g32.sym.bf16");
  CHECK(model.embedding->format() == "dense.f32");
}

TEST_CASE("a dense head stays", "[model][head]") {
  Model model = tiny_model(1);
  const LinearOp* const before = &model.head();
  store_head(model, "dense", nothing());
  CHECK(&model.head() == before);
}

TEST_CASE("slices of tokens go through an MLP as all of them together do, byte for byte", "[model]") {
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    const Model model = tiny_model(1, dtype);
    const auto backend = make_cpu_backend({});
    const BoundBlock block(model, model.blocks[0], *backend);
    for (const size_t tokens : {3, 520, 1100}) {
      Workspace workspace;
      workspace.reserve(tokens, model.config);
      const Matrix x = random_matrix(tokens, model.config.hidden, 2);
      Matrix sliced = x, whole = x;
      block.add_mlp(sliced.view(), workspace);
      size_t seen = 0;
      block.add_mlp(whole.view(), workspace, [&](Linear, MatrixView inputs) { seen = inputs.rows; });
      CHECK(seen == tokens);
      REQUIRE(sliced == whole);
      CHECK(sliced != x);
    }
  }
}
