// Edit distance between word sequences near the diagonal, with the alignment: what the translation
// edit rate (ter.h) tries its moves with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace evalharness {

using Words = std::vector<uint32_t>;  // equal words have equal numbers

// How a text is made the reference's, word by word.
struct WordAlignment {
  std::vector<size_t> behind;  // [reference words]: words of the text up to and with its partner
  std::vector<bool> wrong_in_reference;  // [reference words]: replaced or missing
  std::vector<bool> wrong_in_text;       // [text words]: replaced or superfluous
};

// Distances of texts of one length to one reference. Insertions, deletions and replacements cost 1.
// Cells further from the diagonal than 25 (or half the ratio of the lengths, and 25) are not looked
// at, as in sacrebleu: of sequences that differ by more the distance may be too large.
class BeamEdits {
 public:
  // Precondition: the reference is not empty.
  BeamEdits(Words reference, size_t text_words);

  // Rows of a beginning that the text before had too are not computed again. Precondition:
  // text_words words.
  size_t distance(const Words& text);
  // Of the text whose distance was asked for last. Replacing is preferred to deleting a word of the
  // text, that to inserting.
  WordAlignment alignment() const;

 private:
  enum class Edit : uint8_t { kNone, kKeep, kReplace, kDelete, kInsert };
  void fill_row(size_t i);
  size_t cell(size_t i, size_t j) const { return i * (reference_.size() + 1) + j; }

  const Words reference_;
  Words text_;
  size_t known_rows_ = 0;    // of text_
  double words_a_word_ = 1;  // reference words for one of the text
  size_t beam_;
  std::vector<uint32_t> cost_;  // [text_words + 1, reference + 1]
  std::vector<Edit> edit_;
};

}  // namespace evalharness
