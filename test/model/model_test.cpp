// A model as data.
#include "harness/model/model.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "test/support/tiny_model.h"

using namespace evalharness;

TEST_CASE("an int8 head is within half a step of the dense one, and a tied embedding reads it", "[model][head]") {
  Model model = tiny_model(1);
  const Matrix dense = model.head().to_dense();  // [vocab, 16]: one group a row
  store_head(model, "int8");
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
  store_head(model, "int8");
  CHECK(model.head().format() == "int8.g32.sym.bf16");
  CHECK(model.embedding->format() == "dense.f32");
}

TEST_CASE("a dense head stays", "[model][head]") {
  Model model = tiny_model(1);
  const LinearOp* const before = &model.head();
  store_head(model, "dense");
  CHECK(&model.head() == before);
}
