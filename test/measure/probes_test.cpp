// The probes by their arithmetic, never by their speed.
#include "harness/measure/probes.h"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>

#include "harness/base/parallel.h"
#include "harness/measure/cpu_features.h"
#include "harness/measure/read_kernels.h"
#include "harness/measure/read_probe.h"

using namespace evalharness;

namespace {

MultiplyKernel named(const std::string& math, const std::string& instruction) {
  return {.math = math, .instruction = instruction, .flops_per_iteration = 1, .run = nullptr};
}

// Words of a read buffer, word i holding i.
struct Words {
  explicit Words(size_t bytes) : storage(bytes / 8 + 8) {
    const size_t misaligned = reinterpret_cast<uintptr_t>(storage.data()) % 64 / 8;
    first = storage.data() + (misaligned == 0 ? 0 : 8 - misaligned);
    for (size_t i = 0; i < bytes / 8; ++i) first[i] = i;
  }
  const std::byte* data() const { return reinterpret_cast<const std::byte*>(first); }
  std::vector<uint64_t> storage;
  uint64_t* first = nullptr;
};

}  // namespace

TEST_CASE("a multiply kernel executes every operation that it counts", "[measure]") {
  for (const MultiplyKernel& kernel : multiply_kernels()) {
    CAPTURE(kernel.math, kernel.instruction);
    for (const size_t iterations : {0, 1, 3, 1000}) {
      // Each multiply-add, two operations, adds 1 * 1.
      CHECK(kernel.run(iterations) ==
            static_cast<double>(iterations) * kernel.flops_per_iteration / 2);
    }
  }
}

TEST_CASE("the counted operations of an iteration are those of its instructions", "[measure]") {
  for (const MultiplyKernel& kernel : multiply_kernels()) {
    CAPTURE(kernel.math, kernel.instruction);
    // 12 chains of 4 or 8 lanes; of 8 with 4 products; 24 chains of 16 lanes with 1, 2 or 4.
    if (kernel.instruction == "sse2") CHECK(kernel.flops_per_iteration == 96);
    if (kernel.instruction == "fma avx2") CHECK(kernel.flops_per_iteration == 192);
    if (kernel.instruction == "vpmaddubsw") CHECK(kernel.flops_per_iteration == 768);
    if (kernel.instruction == "fma avx512") CHECK(kernel.flops_per_iteration == 768);
    if (kernel.instruction == "vdpbf16ps") CHECK(kernel.flops_per_iteration == 1536);
    if (kernel.instruction == "vpdpbusd") CHECK(kernel.flops_per_iteration == 3072);
  }
  // 4 tiles of 16 x 16, 32 bfloat16 or 64 bytes deep; known without a machine that has them.
  CHECK(amx_bf16_kernel().flops_per_iteration == 65536);
  CHECK(amx_int8_kernel().flops_per_iteration == 131072);
}

TEST_CASE("a read kernel reads every word once", "[measure]") {
  const Words words(3 * kReadGrain);
  for (const ReadKernel& kernel : all_read_kernels()) {
    CAPTURE(kernel.name);
    const uint64_t n = 3 * kReadGrain / 8;
    CHECK(kernel.sum(words.data(), 3 * kReadGrain, kernel.prefetch_bytes) == n * (n - 1) / 2);
  }
}

TEST_CASE("the read probe covers its working set in each pass, by any number of threads",
          "[measure]") {
  const ReadProbe probe(size_t{3} << 20);
  for (const size_t threads : {size_t{1}, thread_count()}) {
    const size_t bytes = probe.rounded(1'000'000, threads);
    CHECK(bytes <= 1'000'000);
    CHECK(1'000'000 - bytes < kReadGrain * threads);
    const uint64_t n = bytes / 8;
    CHECK(probe.checksum(1'000'000, threads, 5) == 5 * (n * (n - 1) / 2));
  }
}

TEST_CASE("a working set is at least a page a thread and at most the probe's memory", "[measure]") {
  const ReadProbe probe(1);
  CHECK(probe.rounded(1, 2) == 2 * kReadGrain);
  CHECK(probe.rounded(size_t{1} << 40, 1) == probe.bytes());
}

TEST_CASE("f32 is bounded by float multiply-adds alone", "[measure]") {
  const std::vector<ProbedMultiply> probed = {{named("f32", "sse2"), 10},
                                              {named("f32", "fma avx512"), 100},
                                              {named("f32", "fma avx2"), 90},
                                              {named("bf16", "vdpbf16ps"), 200},
                                              {named("int8", "vpdpbusd"), 400}};
  CHECK(roof_of(Dtype::f32, probed) == 1);
}

TEST_CASE("bf16 is bounded by AMX, else by the faster of its instruction and of widening",
          "[measure]") {
  std::vector<ProbedMultiply> probed = {{named("f32", "fma avx512"), 100},
                                        {named("bf16", "vdpbf16ps"), 200},
                                        {named("int8", "vpdpbusd"), 400}};
  CHECK(roof_of(Dtype::bf16, probed) == 1);
  probed[1].per_second = 50;  // half the rate of float multiply-adds, as on some machines
  CHECK(roof_of(Dtype::bf16, probed) == 0);
  probed.push_back({named("bf16", "amx"), 1500});
  CHECK(roof_of(Dtype::bf16, probed) == 3);
  probed.push_back({named("int8", "amx"), 3000});
  CHECK(roof_of(Dtype::bf16, probed) == 3);
}

TEST_CASE("the machine's ceilings have one compute roof and a roof for each working set",
          "[measure]") {
  const std::vector<size_t> working_sets = {size_t{64} << 10, size_t{1} << 20};
  const MachineCeilings ceilings = probe_machine(Dtype::f32, working_sets);
  const auto roofs = [](const std::vector<Ceiling>& list) {
    return std::count_if(list.begin(), list.end(),
                         [](const Ceiling& ceiling) { return ceiling.role == "roof"; });
  };
  CHECK(roofs(ceilings.compute) == 1);
  CHECK(roofs(ceilings.bandwidth) == 2);
  for (const Ceiling& ceiling : ceilings.compute) CHECK(ceiling.per_second > 0);
  for (const Ceiling& ceiling : ceilings.bandwidth) CHECK(ceiling.working_set > 0);
}

TEST_CASE("threads that are pinned twice still have a core each, and get all of them back", "[measure]") {
  const auto cores_in_use = [] {
    std::array<cpu_set_t, 2> seen;
    std::atomic<size_t> arrived = 0;
    parallel_for(2, [&](size_t) {
      sched_getaffinity(0, sizeof(cpu_set_t), &seen[worker_index()]);
      ++arrived;
      while (arrived < 2) sched_yield();  // so that each thread runs one body
    });
    return seen;
  };
  const size_t threads = thread_count();
  cpu_set_t before;
  sched_getaffinity(0, sizeof before, &before);
  if (CPU_COUNT(&before) < 2) return;  // one core: nothing to keep apart
  set_thread_count(2);
  cores_in_use();  // the pool is there
  {
    const PinnedThreads outer;
    {
      const PinnedThreads inner;
    }
    const PinnedThreads again;
    auto [first, second] = cores_in_use();
    CHECK(CPU_COUNT(&first) == 1);
    CHECK(CPU_COUNT(&second) == 1);
    CHECK(!CPU_EQUAL(&first, &second));
  }
  auto [first, second] = cores_in_use();
  CHECK(CPU_EQUAL(&first, &before));
  CHECK(CPU_EQUAL(&second, &before));
  set_thread_count(threads);
}
