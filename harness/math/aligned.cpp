#include "harness/math/aligned.h"

#include <sys/mman.h>

#include <new>

namespace evalharness::detail {
namespace {

constexpr size_t kCacheLine = 64, kHugePage = size_t{2} << 20;

std::align_val_t alignment(size_t bytes) {
  return std::align_val_t{bytes >= kHugePage ? kHugePage : kCacheLine};
}

}  // namespace

void* allocate_aligned(size_t bytes) {
  void* const memory = ::operator new(bytes, alignment(bytes));
  // Advice only: where it is refused the pages stay small.
  if (bytes >= kHugePage) (void)madvise(memory, bytes, MADV_HUGEPAGE);
  return memory;
}

void free_aligned(void* memory, size_t bytes) noexcept {
  ::operator delete(memory, alignment(bytes));
}

}  // namespace evalharness::detail
