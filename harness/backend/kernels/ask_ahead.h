// Software prefetch of a weight that is streamed.
#pragma once

#include <immintrin.h>

#include <cstddef>

namespace evalharness {

// Asks for the line kBytes behind `place`; beyond the end it is harmless.
template <size_t kBytes>
[[gnu::always_inline]] inline void ask_ahead(const void* place) {
  _mm_prefetch(static_cast<const char*>(place) + kBytes, _MM_HINT_T0);
}

}  // namespace evalharness
