// What keeps a compiler from taking sums of integers in another order.
#pragma once

namespace evalharness {

// Sums of integers may be taken in any order, and GCC takes one that needs more registers than there are: not past this.
template <class Register>
[[gnu::always_inline]] inline void in_order(Register& sum) {
  asm("" : "+v"(sum));
}

}  // namespace evalharness
