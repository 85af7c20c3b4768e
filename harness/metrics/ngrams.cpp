#include "harness/metrics/ngrams.h"

#include <algorithm>

#include "harness/base/text.h"

namespace evalharness {
namespace {

// Where each code point begins, and the end.
std::vector<size_t> boundaries(std::string_view text) {
  std::vector<size_t> starts;
  for (size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) starts.push_back(i);
  starts.push_back(text.size());
  return starts;
}

}  // namespace

NgramCounts word_ngrams(std::span<const std::string> words, size_t n) {
  NgramCounts counts;
  for (size_t i = 0; i + n <= words.size(); ++i) ++counts[join(words.subspan(i, n), " ")];
  return counts;
}

NgramCounts character_ngrams(std::string_view text, size_t n) {
  const std::vector<size_t> starts = boundaries(text);
  NgramCounts counts;
  for (size_t i = 0; i + n < starts.size(); ++i)
    ++counts[std::string(text.substr(starts[i], starts[i + n] - starts[i]))];
  return counts;
}

size_t total(const NgramCounts& counts) {
  size_t sum = 0;
  for (const auto& entry : counts) sum += entry.second;
  return sum;
}

size_t matches(const NgramCounts& a, const NgramCounts& b) {
  size_t sum = 0;
  for (const auto& [ngram, count] : a)
    if (const auto found = b.find(ngram); found != b.end()) sum += std::min(count, found->second);
  return sum;
}

}  // namespace evalharness
