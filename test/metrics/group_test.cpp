// Expected values: lm-eval 0.4.13's api.group.Group.aggregate on the same figures.
#include "harness/metrics/group.h"
#include "test/support/measured.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace evalharness;

namespace {

TaskEstimate task(double value, double error, size_t documents) {
  return {measured(value, error, documents), documents};
}

}  // namespace

TEST_CASE("a group's number and error are lm-eval's, by size and alike", "[metrics][group]") {
  const std::vector<TaskEstimate> by_size = {task(0.5, 1.0 / 6, 10), task(0.25, 0.25, 4), task(0.75, 0.0625, 50)};
  const Estimate pooled = group_mean(by_size, true);
  CHECK(*pooled.value == Approx(0.6796875).epsilon(1e-14));
  CHECK(*pooled.standard_error == Approx(0.05730524863846586).epsilon(1e-14));
  CHECK(pooled.n == 64);
  CHECK(*pooled.high - *pooled.value == Approx(1.959963984540054 * *pooled.standard_error));
  const std::vector<TaskEstimate> alike = {task(0.6, 0.125, 10), task(0.5, 0.25, 4)};
  CHECK(*group_mean(alike, false).value == Approx(0.55).epsilon(1e-14));
  CHECK(*group_mean(alike, false).standard_error == Approx(0.13975424859373686).epsilon(1e-14));
}

TEST_CASE("a group of tasks of one document has no error, and a diverged task is its group's", "[metrics][group]") {
  std::vector<TaskEstimate> tasks = {task(1, 0, 1), task(0, 0, 1)};
  CHECK(*group_mean(tasks, true).value == 0.5);
  CHECK_FALSE(group_mean(tasks, true).standard_error.has_value());
  tasks[0].estimate = Estimate::missing("diverged");
  CHECK_FALSE(group_mean(tasks, true).value.has_value());
  CHECK(group_mean(tasks, true).reason == "diverged");
}
