// Memory for weights and activations: it starts at a cache line, so that a kernel's 64-byte loads
// never straddle two, and blocks of 64 KiB and more share huge pages. A weight is streamed: on
// small pages the prefetcher stops at each one, and a third of the bandwidth is lost.
#pragma once

#include <cstddef>
#include <vector>

namespace evalharness {

namespace detail {
void* allocate_aligned(size_t bytes);
void free_aligned(void* memory, size_t bytes) noexcept;
}  // namespace detail

template <class T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(detail::allocate_aligned(n * sizeof(T))); }
  void deallocate(T* memory, size_t n) noexcept { detail::free_aligned(memory, n * sizeof(T)); }
  bool operator==(const AlignedAllocator&) const { return true; }
};

template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace evalharness
