#include "harness/measure/probes.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>

#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/measure/read_kernels.h"
#include "harness/measure/statistics.h"

namespace evalharness {
namespace {

constexpr size_t kMinRepetitions = 5, kMaxRepetitions = 50;
// Of one repetition: short ones fit between the slices of other work.
constexpr double kSeconds = 0.003;
constexpr double kMaxSeconds = 0.15;  // of all repetitions
constexpr size_t kHugePage = size_t{2} << 20;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Holds each thread of parallel_for on a core of its own. Beside other work the scheduler may let
// two of them share a core for as long as a repetition lasts; that would be a figure of the
// scheduler.
class PinnedThreads {
 public:
  PinnedThreads() : threads_(thread_count()) {
    CPU_ZERO(&allowed_);
    pthread_getaffinity_np(pthread_self(), sizeof(allowed_), &allowed_);
    each_thread([this] { pin(nth_core(worker_index())); });
  }
  ~PinnedThreads() {
    each_thread([this] { pin(allowed_); });
  }
  PinnedThreads(const PinnedThreads&) = delete;
  PinnedThreads& operator=(const PinnedThreads&) = delete;

 private:
  // Bodies wait for each other, so that every thread runs one; not for ever, should one be kept
  // away.
  void each_thread(const std::function<void()>& action) const {
    std::atomic<size_t> arrived{0};
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    parallel_for(threads_, [&](size_t) {
      action();
      ++arrived;
      while (arrived < threads_ && std::chrono::steady_clock::now() < end) sched_yield();
    });
  }
  static void pin(const cpu_set_t& cores) {
    pthread_setaffinity_np(pthread_self(), sizeof(cores), &cores);
  }
  cpu_set_t nth_core(size_t n) const {
    cpu_set_t one;
    CPU_ZERO(&one);
    for (size_t core = 0, seen = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &allowed_) && seen++ == n) CPU_SET(core, &one);
    }
    return CPU_COUNT(&one) == 0 ? allowed_ : one;
  }

  size_t threads_;
  cpu_set_t allowed_;
};

void on_threads(size_t threads, const std::function<void(size_t)>& body) {
  if (threads == 1) return body(0);
  EH_ASSERT(threads == thread_count());
  parallel_for(threads, body);
}

// How often to repeat work that lasts `seconds` once, for a repetition of kSeconds.
size_t times_for(double seconds) {
  return std::max<size_t>(1, static_cast<size_t>(kSeconds / std::max(seconds, 1e-9)));
}

// `amount` is done by one call of `repetition`, which returns its seconds.
Rate rate_of(double amount, const std::function<double()>& repetition) {
  std::vector<double> per_second;
  double total = 0;
  while (per_second.size() < kMinRepetitions ||
         (per_second.size() < kMaxRepetitions && total < kMaxSeconds)) {
    const double seconds = repetition();
    total += seconds;
    per_second.push_back(amount / seconds);
  }
  return {*std::max_element(per_second.begin(), per_second.end()), median(per_second)};
}

// Sums go here: nothing that was measured may be left out as unused.
std::atomic<uint64_t> sink{0};

uint64_t read_once(const ReadKernel& kernel, std::span<const std::byte> part, size_t passes) {
  uint64_t total = 0;
  for (size_t pass = 0; pass < passes; ++pass) {
    total += kernel.sum(part.data(), part.size(), kernel.prefetch_bytes);
  }
  return total;
}

// A part is read `passes` times by one thread without a break, so it comes from that core's caches
// where it fits them, whichever thread took which part in the repetition before.
uint64_t read_parts(const ReadKernel& kernel, std::span<const std::byte> set, size_t threads,
                    size_t passes) {
  const size_t part_bytes = set.size() / threads;
  std::vector<uint64_t> totals(threads);
  on_threads(threads, [&](size_t i) {
    totals[i] = read_once(kernel, set.subspan(i * part_bytes, part_bytes), passes);
  });
  uint64_t total = 0;
  for (const uint64_t part : totals) total += part;
  return total;
}

double read_seconds(const ReadKernel& kernel, std::span<const std::byte> set, size_t threads,
                    size_t passes) {
  return seconds_of([&] { sink += read_parts(kernel, set, threads, passes); });
}

struct Reader {
  ReadKernel kernel;
  size_t passes = 0;
};

// The kernel that reads this set fastest, and the passes for one repetition. The first reading of
// all brings the set into the caches and is not compared.
Reader fastest_reader(std::span<const std::byte> set, size_t threads) {
  const std::vector<ReadKernel> kernels = read_kernels();
  read_seconds(kernels.front(), set, threads, 1);
  const size_t passes = times_for(read_seconds(kernels.front(), set, threads, 1));
  const size_t trial_passes = std::max<size_t>(1, passes / 4);
  size_t best = 0;
  double best_seconds = 0;
  for (size_t k = 0; k < kernels.size(); ++k) {
    const double seconds = read_seconds(kernels[k], set, threads, trial_passes);
    if (k != 0 && seconds >= best_seconds) continue;
    best = k;
    best_seconds = seconds;
  }
  return {kernels[best], passes};
}

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

}  // namespace

Rate multiply_rate(const MultiplyKernel& kernel, size_t threads) {
  std::vector<double> sums(threads);
  const auto seconds = [&](size_t iterations) {
    return seconds_of(
        [&] { on_threads(threads, [&](size_t i) { sums[i] = kernel.run(iterations); }); });
  };
  constexpr size_t kTrial = 5000;
  seconds(kTrial);  // wakes the threads and the wide units
  const size_t iterations = kTrial * times_for(seconds(kTrial));
  const double operations =
      kernel.flops_per_iteration * static_cast<double>(iterations) * static_cast<double>(threads);
  const Rate rate = rate_of(operations, [&] { return seconds(iterations); });
  for (const double sum : sums) sink += static_cast<uint64_t>(sum);
  return rate;
}

ReadProbe::ReadProbe(size_t bytes) {
  mapped_bytes_ = (bytes / kHugePage + 1) * kHugePage;
  bytes_ = mapped_bytes_;
  void* const memory =
      mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail(cat("bandwidth probe: no memory for ", bytes_text(mapped_bytes_)));
  memory_ = static_cast<std::byte*>(memory);
  madvise(memory, mapped_bytes_, MADV_HUGEPAGE);  // a wish: small pages only read more slowly
  uint64_t* const words = reinterpret_cast<uint64_t*>(memory_);
  parallel_for(mapped_bytes_ / kHugePage, [&](size_t page) {
    const size_t count = kHugePage / sizeof(uint64_t);
    for (size_t i = page * count; i < (page + 1) * count; ++i) words[i] = i;
  });
}

ReadProbe::~ReadProbe() { munmap(memory_, mapped_bytes_); }

size_t ReadProbe::rounded(size_t working_set, size_t threads) const {
  const size_t grain = kReadGrain * threads;
  const size_t size = std::min(working_set, bytes_) / grain * grain;
  return std::max(size, grain);
}

Rate ReadProbe::read_rate(size_t working_set, size_t threads) const {
  const std::span<const std::byte> set(memory_, rounded(working_set, threads));
  const Reader reader = fastest_reader(set, threads);
  const double bytes = static_cast<double>(set.size()) * static_cast<double>(reader.passes);
  return rate_of(bytes, [&] { return read_seconds(reader.kernel, set, threads, reader.passes); });
}

uint64_t ReadProbe::checksum(size_t working_set, size_t threads, size_t passes) const {
  return read_parts(read_kernels().front(), {memory_, rounded(working_set, threads)}, threads,
                    passes);
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

namespace {

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

std::vector<Ceiling> bandwidth_ceilings(std::span<const size_t> working_sets) {
  std::vector<Ceiling> ceilings;
  if (working_sets.empty()) return ceilings;
  const ReadProbe probe(*std::max_element(working_sets.begin(), working_sets.end()));
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

MachineCeilings probe_machine(Dtype math, std::span<const size_t> working_sets) {
  const PinnedThreads pinned;
  return {compute_ceilings(math), bandwidth_ceilings(working_sets)};
}

}  // namespace evalharness
