// Which documents of a split are asked about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "datasets/document.h"

namespace evalharness {

struct Limit {
  size_t count = 0;     // 0: all
  bool random = false;  // a subset drawn by `seed`, in the split's order; else the first `count`
  uint64_t seed = 0;

  Limit(size_t first = 0) : count(first) {}  // implicit: a number is the first so many
  // "200", "random:200", "random:200:7" (the last is the seed, 0 where it is not given). Fails with
  // "<where>: expected N, random:N or random:N:SEED, got 'x'".
  static Limit parse(const std::string& text, const std::string& where);
  std::string text() const;  // as parse() takes it
  bool operator==(const Limit&) const = default;
};

// The rows that are asked about, by index, in order. Drawn by the seed and the row's index: a
// smaller random subset is part of every larger one of the same seed.
std::vector<size_t> limited_rows(size_t rows, const Limit& limit);

// What a task found in a dataset.
struct TaskDocuments {
  std::vector<Document> asked;
  std::vector<size_t> ids;  // of each, among those available
  size_t available = 0;  // that could be asked about
  // Rows of the dataset that are not asked about: "transforms" that leave them out, "limit",
  // "max_documents" of a perplexity. What left none out is not there.
  std::map<std::string, size_t> skipped;
};

}  // namespace evalharness
