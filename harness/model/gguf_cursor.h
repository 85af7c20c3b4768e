// Reading forward through bytes that are not believed.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {

// Little-endian numbers and length-prefixed strings; taking more than is left fails with the file's
// name and what is being read. `path` and `bytes` must outlive this.
class GgufCursor {
 public:
  GgufCursor(const std::string& path, std::span<const std::byte> bytes)
      : path_(path), bytes_(bytes) {}

  [[noreturn]] void fail(const std::string& text) const {
    evalharness::fail(cat(path_, ": ", what_, text));
  }
  // "" or "key 'general.name': "
  void reading(std::string what) { what_ = std::move(what); }
  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }

  std::span<const std::byte> take(uint64_t count) {
    if (count > left())
      fail(cat("truncated: ", count, " bytes wanted at offset ", position_, ", ", left(), " left"));
    position_ += static_cast<size_t>(count);
    return bytes_.subspan(position_ - static_cast<size_t>(count), static_cast<size_t>(count));
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string string() {
    const std::span<const std::byte> text = take(number<uint64_t>());
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }
  // A count of things that take at least `fewest` bytes each.
  size_t count(const char* things, size_t fewest) {
    const uint64_t value = number<uint64_t>();
    if (value > left() / fewest)
      fail(cat(value, " ", things, " cannot fit in the ", left(), " bytes that are left"));
    return static_cast<size_t>(value);
  }

 private:
  const std::string& path_;
  std::span<const std::byte> bytes_;
  size_t position_ = 0;
  std::string what_;
};

}  // namespace evalharness
