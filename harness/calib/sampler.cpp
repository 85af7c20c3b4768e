#include "harness/calib/sampler.h"

#include <algorithm>
#include <map>

#include "harness/base/error.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

struct CalibrationSource {
  const char *dataset, *column;
  const char* separator;  // of the rows of one text; nullptr: each row is a document
};
constexpr CalibrationSource kSources[] = {{"c4", "text", nullptr}, {"wikitext2", "text", "\n\n"}, {"ptb", "sentence", " "}};

}  // namespace

std::string CalibrationSet::token_hash() const {
  std::string bytes;
  for (const std::vector<int32_t>& sample : samples)
    for (const int32_t id : sample)
      for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(static_cast<uint32_t>(id) >> shift);
  return sha256_hex(bytes);
}

size_t CalibrationSet::tokens() const {
  return samples.empty() ? 0 : samples.size() * samples.front().size();
}

CalibrationSet draw_from_documents(std::span<const Document> documents, const Tokenizer& tokenizer,
                                   size_t samples, size_t length, uint64_t seed) {
  if (documents.empty()) fail("calibration: the dataset has no documents");
  PythonRandom random(seed);
  std::map<size_t, std::vector<int32_t>> encoded;  // documents that were tried
  size_t too_short = 0, longest = 0;
  CalibrationSet set;
  while (set.samples.size() < samples) {
    const auto i = static_cast<size_t>(random.randint(0, static_cast<int64_t>(documents.size()) - 1));
    if (!encoded.contains(i)) {
      encoded[i] = tokenizer.encode(documents[i].string("text"));
      longest = std::max(longest, encoded[i].size());
      too_short += encoded[i].size() <= length;
    }
    const std::vector<int32_t>& ids = encoded[i];
    if (ids.size() <= length) {
      if (too_short == documents.size())
        fail(cat("calibration: no document has more than ", length, " tokens; the longest of ", documents.size(),
                 " has ", longest));
      continue;
    }
    const auto start = static_cast<size_t>(random.randint(0, static_cast<int64_t>(ids.size() - length) - 1));
    const auto first = ids.begin() + static_cast<ptrdiff_t>(start);
    set.samples.emplace_back(first, first + static_cast<ptrdiff_t>(length));
    set.draws.push_back({i, start});
  }
  return set;
}

CalibrationSet draw_from_text(const std::string& text, const Tokenizer& tokenizer, size_t samples, size_t length, uint64_t seed) {
  const std::vector<int32_t> ids = tokenizer.encode(text);
  if (ids.size() <= length) fail(cat("calibration: the text has ", ids.size(), " tokens, of which no sample of ", length, " can be drawn"));
  PythonRandom random(seed);
  CalibrationSet set;
  for (size_t i = 0; i < samples; ++i) {
    const auto start = random.randint(0, static_cast<int64_t>(ids.size() - length) - 1);
    set.samples.emplace_back(ids.begin() + start, ids.begin() + start + static_cast<ptrdiff_t>(length));
    set.draws.push_back({0, static_cast<size_t>(start)});
  }
  return set;
}

std::vector<std::string> calibration_datasets() {
  std::vector<std::string> names;
  for (const CalibrationSource& source : kSources) names.emplace_back(source.dataset);
  return names;
}

CalibrationSet draw_calibration(const std::string& dataset, std::span<const Document> documents, const Tokenizer& tokenizer,
                                size_t samples, size_t length, uint64_t seed) {
  const auto* const source = std::ranges::find(kSources, dataset, &CalibrationSource::dataset);
  EH_ASSERT(source != std::end(kSources));
  if (!source->separator) return draw_from_documents(documents, tokenizer, samples, length, seed);
  std::vector<std::string> rows;
  for (const Document& document : documents) rows.push_back(document.string(source->column));
  return draw_from_text(join(rows, source->separator), tokenizer, samples, length, seed);
}

}  // namespace evalharness
