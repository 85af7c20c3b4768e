#include "harness/math/aligned.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <map>

#include "harness/base/rng.h"

using namespace evalharness;

TEST_CASE("blocks of any size start at a cache line and never overlap", "[math]") {
  Rng rng(1, "test.aligned");
  std::map<uint64_t, AlignedVector<uint64_t>> blocks;  // each filled with its own number
  for (uint64_t step = 0; step < 600; ++step) {
    if (rng.below(3) == 0 && !blocks.empty()) blocks.erase(blocks.begin()->first);
    AlignedVector<uint64_t> block(rng.below(40000), step);
    REQUIRE(reinterpret_cast<uintptr_t>(block.data()) % 64 == 0);
    blocks.emplace(step, std::move(block));
    if (blocks.size() > 40) blocks.erase(std::prev(blocks.end(), 20));
  }
  for (const auto& [number, block] : blocks) {
    REQUIRE(static_cast<size_t>(std::count(block.begin(), block.end(), number)) == block.size());
  }
}

TEST_CASE("a freed block's place is used again", "[math]") {
  constexpr size_t kSize = 1 << 20;
  const uint64_t* place = nullptr;
  {
    const AlignedVector<uint64_t> block(kSize, 7);
    place = block.data();
  }
  const AlignedVector<uint64_t> block(kSize, 0);
  CHECK(block.data() == place);
}
