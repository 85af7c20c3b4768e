#include "harness/measure/read_probe.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <span>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/measure/read_kernels.h"

namespace evalharness {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

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

// The kernel that reads this set fastest, and the passes for one repetition.
Reader fastest_reader(std::span<const std::byte> set, size_t threads) {
  const std::vector<ReadKernel> kernels = read_kernels();
  const size_t passes = times_for_repetition(
      [&](size_t times) { return read_seconds(kernels.front(), set, threads, times); });
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

}  // namespace

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

}  // namespace evalharness
