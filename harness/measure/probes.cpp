#include "harness/measure/probes.h"

#include <algorithm>
#include <vector>

#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/measure/read_probe.h"

namespace evalharness {
namespace {

std::string threads_text(size_t threads) {
  return threads == 1 ? "1 thread" : cat(threads, " threads");
}

// 1 and all, or just 1 where that is all.
std::vector<size_t> thread_counts() {
  if (thread_count() == 1) return {1};
  return {1, thread_count()};
}

bool is_amx(const MultiplyKernel& kernel) { return kernel.instruction == "amx"; }

// Whether the kernel is a way to multiply values of this type.
bool serves(const MultiplyKernel& kernel, Dtype math) {
  return kernel.math == "f32" || (math == Dtype::bf16 && kernel.math == "bf16");
}

std::vector<Ceiling> compute_ceilings(Dtype math) {
  std::vector<Ceiling> ceilings;
  std::vector<ProbedMultiply> probed;  // by all threads
  std::vector<size_t> places;          // of each of these among the ceilings
  for (const MultiplyKernel& kernel : multiply_kernels()) {
    for (const size_t threads : thread_counts()) {
      const Rate rate = multiply_rate(kernel, threads);
      ceilings.push_back({.name = cat(kernel.math, " multiply peak (", kernel.instruction, ", ",
                                      threads_text(threads), ")"),
                          .per_second = rate.best,
                          .role = "line"});
      if (threads != thread_count()) continue;
      probed.push_back({kernel, rate.best});
      places.push_back(ceilings.size() - 1);
    }
  }
  ceilings[places[roof_of(math, probed)]].role = "roof";
  return ceilings;
}

// More is read at the same rate, and the weights of a large model would be in memory twice.
constexpr size_t kMostProbed = size_t{1} << 30;

std::vector<Ceiling> bandwidth_ceilings(std::span<const size_t> working_sets) {
  std::vector<Ceiling> ceilings;
  if (working_sets.empty()) return ceilings;
  const ReadProbe probe(std::min(kMostProbed, *std::max_element(working_sets.begin(), working_sets.end())));
  for (const size_t working_set : working_sets) {
    for (const size_t threads : thread_counts()) {
      const size_t bytes = probe.rounded(working_set, threads);
      const Rate rate = probe.read_rate(working_set, threads);
      Ceiling best = {
          .name = cat("read, ", bytes_text(bytes), " working set, ", threads_text(threads)),
          .per_second = rate.best,
          .working_set = static_cast<double>(bytes),
          .role = threads == thread_count() ? "roof" : "line"};
      Ceiling usual = best;
      usual.name += ", median";
      usual.per_second = rate.median;
      usual.role = "line";
      ceilings.push_back(std::move(best));
      ceilings.push_back(std::move(usual));
    }
  }
  return ceilings;
}

}  // namespace

Rate multiply_rate(const MultiplyKernel& kernel, size_t threads) {
  std::vector<double> sums(threads);
  const auto seconds = [&](size_t iterations) {
    return seconds_of(
        [&] { on_threads(threads, [&](size_t i) { sums[i] = kernel.run(iterations); }); });
  };
  const size_t iterations = times_for_repetition(seconds);
  const double operations =
      kernel.flops_per_iteration * static_cast<double>(iterations) * static_cast<double>(threads);
  return rate_of(operations, [&] { return seconds(iterations); });
}

size_t roof_of(Dtype math, std::span<const ProbedMultiply> probed) {
  size_t roof = 0;
  const auto better = [&](const ProbedMultiply& a, const ProbedMultiply& b) {
    if (is_amx(a.kernel) != is_amx(b.kernel)) return is_amx(a.kernel);
    return a.per_second > b.per_second;
  };
  for (size_t i = 1; i < probed.size(); ++i) {
    if (serves(probed[i].kernel, math) && better(probed[i], probed[roof])) roof = i;
  }
  return roof;
}

MachineCeilings probe_machine(Dtype math, std::span<const size_t> working_sets) {
  const PinnedThreads pinned;
  return {compute_ceilings(math), bandwidth_ceilings(working_sets)};
}

}  // namespace evalharness
