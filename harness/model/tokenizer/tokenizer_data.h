// Everything that decides the ids of a BPE tokenizer, as plain data: readers of files fill it, the
// tokenizer is built from it, tests write it by hand.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace evalharness {

// sentencepiece's blank, "▁".
inline const std::string kSpaceMark = "\xE2\x96\x81";

// Two neighbours become one token. The lowest rank goes first; equal ranks from left to right.
struct Merge {
  int32_t left;
  int32_t right;
  int32_t result;
  uint32_t rank;
};

struct BpeData {
  // By id: the token as it stands in normalised text, byte-level tokens as bytes ("Ġthe" is "
  // the"). Only tokens that BPE may give; "" at the others.
  std::vector<std::string> pieces;
  std::vector<Merge> merges;
  // Token of each single byte, -1: none. byte_level: the first symbols. Otherwise the fall-back for
  // characters without a token.
  std::array<int32_t, 256> byte_ids = [] {
    std::array<int32_t, 256> none;
    none.fill(-1);
    return none;
  }();
  bool byte_level = true;      // first symbols are bytes; otherwise characters
  bool ignore_merges = false;  // a pre-token that is a token is taken whole
  int32_t unknown = -1;        // for what has no token; -1: it is dropped and counted
  bool fuse_unknown = false;   // neighbouring unknowns are one
};

// A token that is searched in the text before BPE sees it.
struct AddedToken {
  int32_t id = -1;
  std::string text;
  bool special = true;       // skipped by decode()
  bool normalized = false;   // searched after normalisation, and spelt normalised
  bool single_word = false;  // only between characters that are no word characters
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space behind it
};

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };
enum class SplitBehaviour {
  kRemoved,
  kIsolated,
  kMergedWithPrevious,
  kMergedWithNext,
  kContiguous
};

struct Split {
  std::string pattern;  // a regular expression
  SplitBehaviour behaviour = SplitBehaviour::kIsolated;
  bool invert = false;  // what the pattern does not match counts as the match
};
struct Prefix {
  std::string text;
  bool unless_there = true;  // not where the piece begins with it already
  bool only_at_text_start = false;
};
struct Replace {
  std::string from;
  std::string to;
};

using NormalizerStep = std::variant<UnicodeForm, Prefix, Replace>;
using PreTokenizerStep = std::variant<Split, Prefix, Replace>;

struct TokenizerData {
  std::string source;  // file name, for errors; decides nothing
  BpeData bpe;
  std::vector<std::string> token_bytes;  // by id: what the token adds to decoded text
  std::vector<AddedToken> added;
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizerStep> pre_tokenizer;
  std::vector<int32_t> prefix_ids;  // added before the text: BOS
  std::vector<int32_t> suffix_ids;  // and behind it
  int32_t bos = -1;
  int32_t eos = -1;
  bool strip_leading_space = false;  // decode() drops the one space that the Prefix step put there
};

// GPT-2's pattern, what "ByteLevel" splits by unless told otherwise.
extern const char* const kGpt2Pattern;

// From "left right" lines in order of rank. Fails on a merge whose parts or result are no tokens.
std::vector<Merge> merges_from_pairs(const std::vector<std::pair<std::string, std::string>>& pairs,
                                     const std::vector<std::string>& spellings,
                                     const std::string& source);

// Fills pieces, byte ids and token bytes from the spellings of a byte-level vocabulary.
// Precondition: data.added and data.normalizer are complete.
void fill_byte_level_vocabulary(TokenizerData& data, const std::vector<std::string>& spellings);
// The same for characters with "▁" for space and "<0x0A>" for bytes.
void fill_character_vocabulary(TokenizerData& data, const std::vector<std::string>& spellings);

// Hash of everything above but `source`.
std::string hash_of(const TokenizerData& data);

}  // namespace evalharness
