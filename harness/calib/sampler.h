// Draws of calibration text, by the loaders of the papers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "datasets/document.h"
#include "harness/model/tokenizer.h"

namespace evalharness {

struct CalibrationSet {
  std::vector<std::vector<int32_t>> samples;  // each of the same length
  struct Draw {
    size_t document, start;
  };
  std::vector<Draw> draws;       // of each sample
  std::string token_hash() const;  // sha256 of all ids as little-endian int32
  size_t tokens() const;
};

// The loader of Wanda, SparseGPT and GPTQ on C4: CPython's random.seed(seed); for each sample draw a
// document uniformly until one has more than `length` tokens, then a start in [0, tokens - length - 1].
// Fails if no document is that long, saying how many tokens the longest has.
CalibrationSet draw_from_documents(std::span<const Document> documents, const Tokenizer& tokenizer,
                                   size_t samples, size_t length, uint64_t seed);

// GPTQ's loader on WikiText-2 and PTB: all rows joined to one text, encoded once; each sample starts in [0, tokens - length - 1].
CalibrationSet draw_from_text(const std::string& text, const Tokenizer& tokenizer, size_t samples, size_t length, uint64_t seed);

// What calibration can be drawn from.
std::vector<std::string> calibration_datasets();
// The loader of `dataset`: from documents of c4; from one text of wikitext2 (rows joined by two line breaks) and ptb (by a space).
CalibrationSet draw_calibration(const std::string& dataset, std::span<const Document> documents, const Tokenizer& tokenizer,
                                size_t samples, size_t length, uint64_t seed);

}  // namespace evalharness
