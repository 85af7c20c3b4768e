// Software prefetch of a weight that is streamed. Beyond its end it is harmless.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace evalharness {

// Asks for the line kBytes behind `place`.
template <size_t kBytes>
[[gnu::always_inline]] inline void ask_ahead(const void* place) {
  _mm_prefetch(static_cast<const char*>(place) + kBytes, _MM_HINT_T0);
}

// Asks for the line kBytes behind `next` where it is another than the one behind `place`, which is at most 64 bytes before: whoever steps
// from place to place asks for each line once. Where it is the same, for the line of `next`, which is there: a branch would be mispredicted.
// Into the second-level cache, as below.
template <size_t kBytes>
[[gnu::always_inline]] inline void ask_once_ahead(const void* place, const void* next) {
  constexpr uintptr_t kLine = 64;
  static_assert(kBytes % kLine == 0);
  const uintptr_t crossed = (reinterpret_cast<uintptr_t>(place) ^ reinterpret_cast<uintptr_t>(next)) & kLine;
  _mm_prefetch(static_cast<const char*>(next) + crossed * (kBytes / kLine), _MM_HINT_T1);
}

// Asks for a line of the page that kBytes behind `place` lies in. Whoever asks line by line gets all of them, from four places of the page
// in turn: where two threads share the memory of a large machine it gives more from several places at a time (a tenth, on Sapphire Rapids). Into the
// second-level cache: the first has too few places for lines under way.
template <size_t kBytes>
[[gnu::always_inline]] inline void ask_page_ahead(const void* place) {
  constexpr uintptr_t kLine = 64, kPage = 4096, kPlaces = 4, kLinesOfPlace = kPage / kLine / kPlaces;
  static_assert(kBytes >= kPage);
  const uintptr_t at = reinterpret_cast<uintptr_t>(place) + kBytes, line = at % kPage / kLine;
  const uintptr_t turned = line % kPlaces * kLinesOfPlace + line / kPlaces;
  _mm_prefetch(reinterpret_cast<const char*>(at - at % kPage + turned * kLine), _MM_HINT_T1);
}

}  // namespace evalharness
