// What every registered weight format promises, whatever it stores.
#include <catch2/catch.hpp>
#include <numeric>

#include "harness/base/error.h"
#include "harness/base/rng.h"
#include "harness/math/bfloat16.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/tensor_io.h"
#include "test/support/weight_cases.h"

using namespace evalharness;

namespace {

template <class Check>
void for_every_weight(const Check& check) {
  for (const std::string& format : test::format_names()) {
    for (const size_t out : {1, 63, 64, 65, 130}) {
      for (const size_t in : {16, 33, 100, 576}) {
        const LinearOp* const op = test::weight_or_null(format, out, in);
        if (op == nullptr) continue;
        INFO(format << " [" << out << ", " << in << "]");
        check(*op);
      }
    }
  }
}

}  // namespace

TEST_CASE("every format says its own name and sizes", "[ops][contract]") {
  for (const std::string& format : test::format_names()) {
    const LinearOp* const op = test::weight_or_null(format, 130, 576);
    REQUIRE(op != nullptr);
    CHECK(op->format() == format);
    CHECK(op->out() == 130);
    CHECK(op->in() == 576);
  }
}

TEST_CASE("a combinator over its loaded children is the same weight", "[ops][contract]") {
  for_every_weight([](const LinearOp& op) {
    if (op.children().empty()) return;
    std::vector<LinearPtr> children;
    for (const LinearOp* const child : op.children()) {
      MemoryTensors parts;
      child->save(parts);
      children.push_back(load_linear(child->format(), child->out(), child->in(), parts));
    }
    const LinearPtr again = op.with_children(std::move(children));
    REQUIRE(again->format() == op.format());
    REQUIRE(again->to_dense() == op.to_dense());
  });
}

TEST_CASE("saved bytes are bytes(), and a loaded weight saves the same bytes", "[ops][contract]") {
  for_every_weight([](const LinearOp& op) {
    MemoryTensors saved, again;
    op.save(saved);
    REQUIRE(saved.bytes() == op.bytes());
    const LinearPtr loaded = load_linear(op.format(), op.out(), op.in(), saved);
    loaded->save(again);
    REQUIRE(saved.parts().size() == again.parts().size());
    for (const auto& [name, tensor] : saved.parts()) {
      const StoredTensor& other = again.parts().at(name);
      REQUIRE(std::equal(tensor.bytes.begin(), tensor.bytes.end(), other.bytes.begin(),
                         other.bytes.end()));
      REQUIRE((tensor.dtype == other.dtype && tensor.shape == other.shape));
    }
    REQUIRE(loaded->to_dense() == op.to_dense());
    REQUIRE(loaded->nonzeros() == op.nonzeros());
  });
}

TEST_CASE("rows() reads the rows of to_dense()", "[ops][contract]") {
  for_every_weight([](const LinearOp& op) {
    const Matrix dense = op.to_dense();
    const int32_t last = static_cast<int32_t>(op.out()) - 1;
    const std::vector<int32_t> ids = {last, 0, last / 2, last};
    Matrix y(ids.size(), op.in());
    op.rows(ids, y.view());
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto expected = dense.row(static_cast<size_t>(ids[i]));
      REQUIRE(std::equal(expected.begin(), expected.end(), y.row(i).begin()));
    }
  });
}

TEST_CASE("non-zeros and cost are counted from the stored values", "[ops][contract]") {
  for_every_weight([](const LinearOp& op) {
    const Matrix dense = op.to_dense();
    const auto values = dense.values();
    const auto nonzeros =
        values.size() - static_cast<size_t>(std::count(values.begin(), values.end(), 0.0f));
    REQUIRE(op.nonzeros() == nonzeros);
    const Cost cost = op.cost(3);
    double effective = 6.0 * static_cast<double>(nonzeros);
    if (!op.children().empty()) effective = 0;
    for (const LinearOp* const child : op.children()) effective += child->cost(3).effective_flops;
    REQUIRE(cost.effective_flops == effective);
    REQUIRE(cost.dense_flops == 6.0 * static_cast<double>(op.in() * op.out()));
    REQUIRE(cost.executed_flops >= cost.effective_flops);
    REQUIRE(cost.weight_bytes == static_cast<double>(op.bytes()));
  });
}
