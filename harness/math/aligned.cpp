#include "harness/math/aligned.h"
#include "harness/base/integers.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <new>

namespace evalharness::detail {
namespace {

constexpr size_t kCacheLine = 64, kPage = 4096, kHugePage = size_t{2} << 20;
constexpr size_t kShared = size_t{64} << 10;  // blocks of this size and more lie in regions
constexpr size_t kRegion = size_t{64} << 20;  // of address space: untouched pages cost nothing

// Blocks side by side in regions of huge pages; first fit, neighbours join when freed.
class HugePages {
 public:
  void* allocate(size_t bytes) {
    const std::lock_guard lock(mutex_);
    auto place = find(bytes);
    if (place == free_.end()) {
      add_region(bytes);
      place = find(bytes);
    }
    const auto [start, length] = *place;
    free_.erase(place);
    if (length > bytes) free_[start + bytes] = length - bytes;
    return reinterpret_cast<void*>(start);
  }

  void free(void* memory, size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    uintptr_t start = reinterpret_cast<uintptr_t>(memory), end = start + bytes;
    auto after = free_.lower_bound(start);
    if (after != free_.end() && after->first == end) {
      end += after->second;
      after = free_.erase(after);
    }
    if (after != free_.begin()) {
      const auto before = std::prev(after);
      if (before->first + before->second == start) {
        start = before->first;
        free_.erase(before);
      }
    }
    free_[start] = end - start;
    give_back(round_up(start, kHugePage), end / kHugePage * kHugePage);
  }

 private:
  std::map<uintptr_t, size_t>::iterator find(size_t bytes) {
    return std::find_if(free_.begin(), free_.end(),
                        [&](const auto& block) { return block.second >= bytes; });
  }

  void add_region(size_t bytes) {
    const size_t length = std::max(kRegion, round_up(bytes, kHugePage));
    void* const memory = mmap(nullptr, length + kHugePage, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    const uintptr_t start = round_up(reinterpret_cast<uintptr_t>(memory), kHugePage);
    // Advice only: where it is refused the pages stay small.
    (void)madvise(reinterpret_cast<void*>(start), length, MADV_HUGEPAGE);
    free_[start] = length;
  }

  // Freed memory goes back to the system, its addresses stay ours.
  static void give_back(uintptr_t start, uintptr_t end) {
    if (start < end) (void)madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
  }

  std::mutex mutex_;
  std::map<uintptr_t, size_t> free_;  // start and length
};

HugePages& huge_pages() {
  // Never destroyed: a weight of static lifetime may be freed after it.
  static HugePages* const pages = std::make_unique<HugePages>().release();
  return *pages;
}

}  // namespace

void* allocate_aligned(size_t bytes) {
  if (bytes >= kShared) return huge_pages().allocate(round_up(bytes, kPage));
  return ::operator new (bytes, std::align_val_t{kCacheLine});
}

void free_aligned(void* memory, size_t bytes) noexcept {
  if (bytes >= kShared) return huge_pages().free(memory, round_up(bytes, kPage));
  ::operator delete (memory, std::align_val_t{kCacheLine});
}

}  // namespace evalharness::detail
