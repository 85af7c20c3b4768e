// Threads and progress.
#include "harness/base/parallel.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <set>
#include <thread>

#include "harness/base/error.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"

using namespace evalharness;

namespace {

// The number of threads for one test, and what it was after it.
class Threads {
 public:
  explicit Threads(size_t count) : before_(thread_count()) { set_thread_count(count); }
  ~Threads() { set_thread_count(before_); }

 private:
  size_t before_;
};

}  // namespace

TEST_CASE("every index is visited once, whatever the number of threads", "[parallel]") {
  const size_t threads = GENERATE(1u, 2u, 3u, 8u);
  const Threads scope(threads);
  for (const size_t n : {0u, 1u, 2u, 7u, 1000u}) {
    std::vector<int> visits(n, 0);
    for (int call = 0; call < 50; ++call) parallel_for(n, [&](size_t i) { ++visits[i]; });
    CHECK(visits == std::vector<int>(n, 50));
  }
}

TEST_CASE("many short calls in a row all finish", "[parallel]") {
  const Threads scope(4);
  size_t finished = 0;
  for (int call = 0; call < 20000; ++call) {
    std::atomic<size_t> visits = 0;
    parallel_for(4, [&](size_t) { ++visits; });
    finished += visits == 4 ? 1 : 0;
  }
  CHECK(finished == 20000);
}

TEST_CASE("workers that went to sleep come back", "[parallel]") {
  const Threads scope(2);
  std::set<std::thread::id> seen;
  std::mutex mutex;
  for (int call = 0; call < 100 && seen.size() < 2; ++call) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    parallel_for(2, [&](size_t) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      const std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
    });
  }
  CHECK(seen.size() == 2);
}

TEST_CASE("the exception of the lowest index is thrown again", "[parallel]") {
  const Threads scope(GENERATE(1u, 3u));
  for (int call = 0; call < 100; ++call)
    CHECK_THROWS_WITH(parallel_for(1000,
                                   [](size_t i) {
                                     if (i % 7 == 3) fail(cat("row ", i));
                                   }),
                      "row 3");
  std::atomic<size_t> visits = 0;
  parallel_for(10, [&](size_t) { ++visits; });
  CHECK(visits == 10);
}

TEST_CASE("a call from inside a body runs on the thread that made it", "[parallel]") {
  const Threads scope(3);
  std::vector<int> on_same_thread(8, 1);
  parallel_for(8, [&](size_t i) {
    const auto self = std::this_thread::get_id();
    const size_t index = worker_index();
    parallel_for(100, [&](size_t) {
      if (std::this_thread::get_id() != self || worker_index() != index) on_same_thread[i] = 0;
    });
  });
  CHECK(on_same_thread == std::vector<int>(8, 1));
}

TEST_CASE("no two running bodies share a worker index", "[parallel]") {
  const Threads scope(4);
  std::vector<std::atomic<int>> users(4);
  std::atomic<bool> alone = true;
  parallel_for(400, [&](size_t) {
    const size_t index = worker_index();
    if (index >= 4 || ++users[index] != 1) alone = false;
    std::this_thread::yield();
    --users[index];
  });
  CHECK(alone);
}

TEST_CASE("two threads may call at once; their bodies take turns", "[parallel]") {
  const Threads scope(3);
  std::atomic<size_t> visits = 0;
  const auto caller = [&] {
    for (int call = 0; call < 200; ++call) parallel_for(10, [&](size_t) { ++visits; });
  };
  std::thread other(caller);
  caller();
  other.join();
  CHECK(visits == 4000);
}

TEST_CASE("progress says what is done and what is left", "[progress]") {
  CHECK(progress_text({.title = "wanda",
                       .detail = "layer 15",
                       .done = 15,
                       .total = 30,
                       .seconds = 12,
                       .is_last = false}) == "wanda 50% layer 15, 12 s, 12 s left");
  CHECK(progress_text({.title = "fetch",
                       .detail = "",
                       .done = 7,
                       .total = 0,
                       .seconds = 185,
                       .is_last = false}) == "fetch, 3 min 05 s");
  CHECK(progress_text({.title = "wanda",
                       .detail = "layer 29",
                       .done = 30,
                       .total = 30,
                       .seconds = 24,
                       .is_last = true}) == "wanda 100%, 24 s");
}
