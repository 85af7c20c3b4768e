#include "harness/base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>

#include "harness/base/error.h"

namespace evalharness {
namespace {

std::string not_finite_text(double value) {
  if (std::isnan(value)) return "nan";
  return value < 0 ? "-inf" : "inf";
}

// Insertions, deletions and replacements that turn a into b.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

// "05": two digits at least.
std::string two_digits(int64_t value) { return value < 10 ? cat('0', value) : cat(value); }

}  // namespace

std::string number_text(double value) {
  if (!std::isfinite(value)) return not_finite_text(value);
  const double size = std::abs(value);
  const bool plain =
      size == 0 || (size >= 1e-4 && size < 1e16);  // where Python's repr is plain too
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  EH_ASSERT(end.ec == std::errc());
  return std::string(buffer.data(), end.ptr);
}

std::string fixed_text(double value, int decimals) {
  EH_ASSERT(decimals >= 0);
  if (!std::isfinite(value)) return not_finite_text(value);
  std::string text(320 + static_cast<size_t>(decimals), '\0');  // 1.8e308 has 309 digits
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 std::chars_format::fixed, decimals);
  EH_ASSERT(end.ec == std::errc());
  text.resize(static_cast<size_t>(end.ptr - text.data()));
  return text;
}

std::string bytes_text(uint64_t bytes) {
  if (bytes < 1024) return cat(bytes, " B");
  static constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  // 1023.5 would be shown as 1024.
  for (; value >= 1023.5 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return cat(fixed_text(value, decimals), ' ', kUnits[unit]);
}

std::string duration_text(double seconds) {
  if (seconds < 9.95) return cat(fixed_text(std::max(seconds, 0.0), 1), " s");
  if (!std::isfinite(seconds)) return "unknown";
  const int64_t whole = std::llround(seconds);
  if (whole < 60) return cat(whole, " s");
  if (whole < 3600) return cat(whole / 60, " min ", two_digits(whole % 60), " s");
  return cat(whole / 3600, " h ", two_digits(whole % 3600 / 60), " min");
}

std::string nearest_name(std::string_view name, std::span<const std::string> candidates) {
  std::optional<size_t> best;
  size_t best_distance = (name.size() + 2) / 3 + 1;  // one more than is still near
  for (size_t i = 0; i < candidates.size(); ++i) {
    const size_t distance = edit_distance(name, candidates[i]);
    if (distance >= best_distance) continue;
    best = i;
    best_distance = distance;
  }
  return best ? candidates[*best] : std::string();
}

std::string did_you_mean(std::string_view name, std::span<const std::string> candidates) {
  const std::string nearest = nearest_name(name, candidates);
  return nearest.empty() ? std::string() : cat(" (did you mean '", nearest, "'?)");
}

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  EH_ASSERT(!separator.empty());
  std::vector<std::string> pieces;
  while (true) {
    const size_t at = text.find(separator);
    pieces.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return pieces;
    text.remove_prefix(at + separator.size());
  }
}

std::string join(std::span<const std::string> pieces, std::string_view separator) {
  std::string text;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0) text += separator;
    text += pieces[i];
  }
  return text;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  EH_ASSERT(!from.empty());
  size_t at = text.find(from);
  if (at == std::string::npos) return text;
  std::string result;
  size_t copied = 0;
  for (; at != std::string::npos; at = text.find(from, copied)) {
    result.append(text, copied, at - copied).append(to);
    copied = at + from.size();
  }
  return result.append(text, copied);
}

}  // namespace evalharness
