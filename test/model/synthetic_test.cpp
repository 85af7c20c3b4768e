#include "harness/model/synthetic.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>

#include "harness/model/checkpoint.h"

using namespace evalharness;

namespace {

size_t parameters(const ModelConfig& c) {
  const size_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
  const size_t block = c.hidden * (2 * q + 2 * kv + 3 * c.intermediate + 2);
  return 2 * c.vocab * c.hidden + c.layers * block + c.hidden;
}

}  // namespace

TEST_CASE("synthetic shapes have the sizes of the models that they are named after", "[model][synthetic]") {
  // As Hugging Face counts TinyLlama 1.1B, OpenLLaMA 3B, LLaMA 7B and 13B.
  CHECK(parameters(open_checkpoint("synthetic:llama-1b")->config()) == 1100048384u);
  CHECK(parameters(open_checkpoint("synthetic:llama-3b")->config()) == 3426473600u);
  CHECK(parameters(open_checkpoint("synthetic:llama-7b")->config()) == 6738415616u);
  CHECK(parameters(open_checkpoint("synthetic:llama-13b")->config()) == 13015864320u);
}

TEST_CASE("a synthetic model's weights are drawn by seed and name, within 0.02", "[model][synthetic]") {
  const std::string name = "model.layers.3.self_attn.k_proj.weight";
  const Matrix w = open_checkpoint("synthetic:llama-1b")->read(name);
  CHECK(w.rows() == 256);
  CHECK(w.cols() == 2048);
  CHECK(open_checkpoint("synthetic:llama-1b:0")->read(name) == w);
  CHECK_FALSE(open_checkpoint("synthetic:llama-1b:1")->read(name) == w);
  CHECK_FALSE(open_checkpoint("synthetic:llama-1b")->read("model.layers.4.self_attn.k_proj.weight") == w);
  double sum = 0, squares = 0;
  for (const float value : w.values()) {
    REQUIRE(std::abs(value) <= 0.02f);
    sum += double(value);
    squares += double(value) * double(value);
  }
  const double n = double(w.size());
  CHECK(std::abs(sum / n) < 1e-4);
  CHECK(std::sqrt(squares / n) == Approx(0.02 / std::sqrt(3)).epsilon(0.01));  // of a uniform draw
  const Matrix norm = open_checkpoint("synthetic:llama-1b")->read("model.norm.weight");
  for (const float value : norm.values()) REQUIRE(value == 1);
}

TEST_CASE("an unknown synthetic model is an error that names the nearest", "[model][synthetic]") {
  CHECK_THROWS_WITH(open_checkpoint("synthetic:llama-8b"),
                    "unknown synthetic model 'llama-8b' (did you mean 'llama-1b'?); there are: llama-13b, llama-1b, llama-3b, llama-7b");
  CHECK_THROWS_WITH(open_checkpoint("synthetic:llama-7b:x"), "synthetic model: expected synthetic:NAME or synthetic:NAME:SEED, got 'synthetic:llama-7b:x'");
}
