// The rate of reading memory at a given size of the working set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/measure/rates.h"

namespace evalharness {

// Memory to read from: one mapping in huge pages where the system gives them, so that the rate is
// the memory's and not the page table's. Each thread reads its own equal part.
class ReadProbe {
 public:
  explicit ReadProbe(size_t bytes);  // the largest working set that will be asked for
  ~ReadProbe();
  ReadProbe(const ReadProbe&) = delete;
  ReadProbe& operator=(const ReadProbe&) = delete;

  size_t bytes() const { return bytes_; }
  // The size that is read where `working_set` is asked for: each thread's part is whole pages.
  size_t rounded(size_t working_set, size_t threads) const;
  // Bytes a second over the first rounded() bytes, by the fastest of read_kernels() there.
  Rate read_rate(size_t working_set, size_t threads) const;
  // Wrapping sum of the 64-bit words that `passes` over the working set read; word i holds i.
  uint64_t checksum(size_t working_set, size_t threads, size_t passes) const;

 private:
  std::byte* memory_ = nullptr;
  size_t bytes_ = 0, mapped_bytes_ = 0;
};

}  // namespace evalharness
