// Small functions on text that the standard library lacks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace evalharness {

// The shortest decimal text that reads back as the same double ("0.5", "1e-05", "nan", "inf").
std::string number_text(double value);

namespace detail {
inline void append(std::string& to, std::string_view piece) { to += piece; }
inline void append(std::string& to, const char* piece) { to += piece; }
inline void append(std::string& to, char piece) { to += piece; }
inline void append(std::string& to, bool piece) { to += piece ? "true" : "false"; }
template <class T>
requires std::is_integral_v<T>
void append(std::string& to, T piece) { to += std::to_string(piece); }
template <class T>
requires std::is_floating_point_v<T>
void append(std::string& to, T piece) { to += number_text(static_cast<double>(piece)); }
}  // namespace detail

// All pieces one after the other: cat("rows ", 3, " of ", 7).
template <class... Pieces>
std::string cat(const Pieces&... pieces) {
  std::string text;
  (detail::append(text, pieces), ...);
  return text;
}

// Fixed number of decimals: fixed_text(12.3456, 2) is "12.35".
std::string fixed_text(double value, int decimals);
// Bytes for people: "512 B", "1.50 KiB", "88.6 MiB".
std::string bytes_text(uint64_t bytes);
// Seconds for people: "0.4 s", "12 s", "3 min 05 s", "2 h 10 min".
std::string duration_text(double seconds);

// The candidate with the smallest edit distance to `name`, empty if none is near (distance > a
// third of the length, rounded up). Ties: the first candidate.
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);
// " (did you mean 'X'?)", or "" if nothing is near.
std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

std::vector<std::string> split(std::string_view text, std::string_view separator);
// The keys of a map, in its order.
template <class Map>
std::vector<std::string> keys_of(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& entry : map) keys.push_back(entry.first);
  return keys;
}

std::string join(std::span<const std::string> pieces, std::string_view separator);
std::string replace_all(std::string text, std::string_view from, std::string_view to);
bool is_blank(std::string_view text);

// Python's str methods on UTF-8 text; whitespace is Python's (Unicode) whitespace.
std::string strip(std::string_view text);
std::string lstrip(std::string_view text);
std::string rstrip(std::string_view text);
// Python's str.split(): pieces between runs of whitespace, no empty ones.
std::vector<std::string> split_whitespace(std::string_view text);

// UTF-8.
bool is_valid_utf8(std::string_view text);
// Number of code points. Precondition: valid UTF-8.
size_t code_points(std::string_view text);
std::vector<char32_t> decode_utf8(std::string_view text);  // invalid bytes become U+FFFD
void append_utf8(std::string& to, char32_t code_point);
bool is_unicode_whitespace(char32_t code_point);  // what Python's str.isspace() says

// Lower-case hex of SHA-256 (libcrypto).
std::string sha256_hex(std::string_view bytes);
std::string sha256_hex(std::span<const std::byte> bytes);
std::string sha256_of_file(const std::string& path);

}  // namespace evalharness
