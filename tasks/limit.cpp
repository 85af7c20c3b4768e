#include "tasks/limit.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>

#include "harness/base/error.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

std::optional<uint64_t> whole_number(const std::string& text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && last == end ? std::optional(number) : std::nullopt;
}

}  // namespace

Limit Limit::parse(const std::string& text, const std::string& where) {
  std::vector<std::string> pieces = split(text, ":");
  Limit limit;
  limit.random = pieces.front() == "random";
  if (limit.random) pieces.erase(pieces.begin());
  const size_t most = limit.random ? 2 : 1;
  const auto count = pieces.empty() ? std::nullopt : whole_number(pieces[0]);
  const auto seed = pieces.size() < 2 ? std::optional<uint64_t>(0) : whole_number(pieces[1]);
  if (!count || !seed || pieces.size() > most)
    fail(cat(where, ": expected N, random:N or random:N:SEED, got '", text, "'"));
  if (limit.random && *count == 0) fail(cat(where, ": expected at least 1 document at random, got 0"));
  limit.count = static_cast<size_t>(*count);
  limit.seed = *seed;
  return limit;
}

std::string Limit::text() const {
  return random ? cat("random:", count, ":", seed) : cat(count);
}

std::vector<size_t> limited_rows(size_t rows, const Limit& limit) {
  std::vector<size_t> chosen(rows);
  std::iota(chosen.begin(), chosen.end(), size_t{0});
  if (limit.count == 0 || limit.count >= rows) return chosen;
  if (limit.random) {
    std::vector<uint64_t> draw(rows);
    for (size_t i = 0; i < rows; ++i) draw[i] = Rng(limit.seed, "tasks.limit", i).next();
    std::ranges::stable_sort(chosen, {}, [&](size_t i) { return draw[i]; });
  }
  chosen.resize(limit.count);
  std::ranges::sort(chosen);
  return chosen;
}

}  // namespace evalharness
