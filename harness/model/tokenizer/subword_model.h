// What turns one piece of text into token ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace evalharness {

// Immutable; encode() is thread-safe.
class SubwordModel {
 public:
  virtual ~SubwordModel() = default;
  // Appends the ids of `piece`; returns the number of its bytes that were dropped for want of a
  // token. Any bytes are allowed.
  virtual size_t encode(std::string_view piece, std::vector<int32_t>& ids) const = 0;
};

}  // namespace evalharness
