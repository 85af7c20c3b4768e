// A backend that counts time gives what the one beside it gives.
#include "harness/backend/timed_backend.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <set>

#include "harness/model/transformer.h"
#include "harness/ops/dense.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

std::vector<float> scores(Transformer& transformer) {
  Batch batch;
  const std::vector<int32_t> ids = {5, 9, 2, 60, 31};
  batch.add(0, 0, ids);
  const auto cache = transformer.make_cache(std::vector<size_t>{8}, true);
  const MatrixView hidden = transformer.forward(batch, *cache);
  std::vector<float> found;
  for (const TokenScore& score : transformer.head(hidden, ids)) found.push_back(score.log_prob);
  return found;
}

}  // namespace

TEST_CASE("passes on a timed backend give the same bytes, and the time of each op once", "[backend][timed]") {
  const Model model = tiny_model(3);
  const auto inner = make_cpu_backend({});
  const LinearOp* const down = model.blocks[1].slot(Linear::down).op.get();
  TimedBackend timed(*inner, [&](const LinearOp& op) { return &op == down ? "down" : &op == &model.head() ? "" : "others"; });
  Transformer plain(model, *inner), counted(model, timed);
  CHECK(scores(plain) == scores(counted));
  const std::map<std::string, double> seconds = timed.take_seconds();
  std::set<std::string> names;
  for (const auto& [name, spent] : seconds) {
    names.insert(name);
    CHECK(spent > 0);
  }
  CHECK(names == std::set<std::string>{"attention", "down", "head", "norms, rotation, gates", "others"});
  CHECK(timed.take_seconds().empty());
  // No time counts twice.
  const auto start = std::chrono::steady_clock::now();
  scores(counted);
  const double whole = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  double sum = 0;
  for (const auto& [name, spent] : timed.take_seconds()) sum += spent;
  CHECK(sum <= whole);
}

TEST_CASE("weights that count as one are joined on a timed backend, others are not", "[backend][timed]") {
  const auto inner = make_cpu_backend({});
  const LinearPtr a = make_dense(Matrix(64, 32).view(), Dtype::f32), b = make_dense(Matrix(64, 32).view(), Dtype::f32),
                  c = make_dense(Matrix(64, 32).view(), Dtype::f32);
  TimedBackend timed(*inner, [&](const LinearOp& op) { return &op == c.get() ? "c" : "a b"; });
  const auto first = timed.bind(*a), second = timed.bind(*b), third = timed.bind(*c);
  CHECK(first->join(std::vector<const BoundLinear*>{third.get()}) == nullptr);
  const auto joined = first->join(std::vector<const BoundLinear*>{second.get()});
  REQUIRE(joined != nullptr);
  const Matrix x(3, 32);
  Matrix y(3, 128);
  joined->forward(x.view(), y.view());
  const std::map<std::string, double> seconds = timed.take_seconds();
  REQUIRE(seconds.size() == 1);
  CHECK(seconds.at("a b") > 0);
}

TEST_CASE("layers that run as one give what they give one by one", "[backend][timed]") {
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    const Model model = tiny_model(3, dtype, TinyShape{.hidden = 64, .intermediate = 128, .kv_heads = 16, .biases = true});
    const auto inner = make_cpu_backend({});
    TimedBackend apart(*inner, [&](const LinearOp& op) { return &op == &model.head() ? "" : std::to_string(reinterpret_cast<std::uintptr_t>(&op)); });
    Transformer together(model, *inner), one_by_one(model, apart);
    const std::vector<float> found = scores(together), expected = scores(one_by_one);
    for (size_t i = 0; i < found.size(); ++i) CHECK(found[i] == Approx(expected[i]).margin(dtype == Dtype::f32 ? 1e-4 : 5e-2));
    // Each layer was there.
    CHECK(apart.take_seconds().size() == 2 * kLinears.size() + 3);  // attention, the head, small ops
  }
}
