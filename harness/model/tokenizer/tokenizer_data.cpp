#include "harness/model/tokenizer/tokenizer_data.h"

#include <unordered_map>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/model/tokenizer/byte_alphabet.h"
#include "harness/model/tokenizer/normalizer.h"

namespace evalharness {
namespace {

// Of "<0x0A>": 10. Of anything else: -1.
int byte_of_spelling(const std::string& spelling) {
  if (spelling.size() != 6 || !spelling.starts_with("<0x") || spelling[5] != '>') return -1;
  const std::string digits = spelling.substr(3, 2);
  if (digits.find_first_not_of("0123456789ABCDEFabcdef") != std::string::npos) return -1;
  return std::stoi(digits, nullptr, 16);
}

// What decoding writes for an added token: as it stands in normalised text, if it is searched
// there.
std::string spelling_in_text(const AddedToken& token, const TokenizerData& data) {
  return token.normalized ? normalize(token.text, data.normalizer) : token.text;
}

// Lengths before contents, so that no two different data write the same text.
class Canonical {
 public:
  Canonical& add(std::string_view text) {
    text_ += cat(text.size(), ":", text, ";");
    return *this;
  }
  template <class Number>
  requires std::is_arithmetic_v<Number> Canonical& add(Number value) {
    text_ += cat(value, ";");
    return *this;
  }
  void add_step(UnicodeForm form) { add("form").add(static_cast<int>(form)); }
  void add_step(const Prefix& step) {
    add("prefix").add(step.text).add(step.unless_there).add(step.only_at_text_start);
  }
  void add_step(const Replace& step) { add("replace").add(step.from).add(step.to); }
  void add_step(const Split& step) {
    add("split").add(step.pattern).add(static_cast<int>(step.behaviour)).add(step.invert);
  }
  template <class Steps>
  void add_steps(const Steps& steps) {
    add(steps.size());
    for (const auto& step : steps) std::visit([this](const auto& kind) { add_step(kind); }, step);
  }
  template <class List>
  void add_list(const List& list) {
    add(list.size());
    for (const auto& item : list) add(item);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void add_bpe(Canonical& to, const BpeData& bpe) {
  to.add_list(bpe.pieces);
  to.add(bpe.merges.size());
  for (const Merge& merge : bpe.merges) {
    to.add(merge.left).add(merge.right).add(merge.result).add(merge.rank);
  }
  to.add_list(bpe.byte_ids);
  to.add(bpe.byte_level).add(bpe.ignore_merges).add(bpe.unknown).add(bpe.fuse_unknown);
}

void add_added_tokens(Canonical& to, const std::vector<AddedToken>& tokens) {
  to.add(tokens.size());
  for (const AddedToken& token : tokens) {
    to.add(token.id).add(token.text).add(token.special).add(token.normalized);
    to.add(token.single_word).add(token.lstrip).add(token.rstrip);
  }
}

}  // namespace

const char* const kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

std::vector<Merge> merges_from_pairs(const std::vector<std::pair<std::string, std::string>>& pairs,
                                     const std::vector<std::string>& spellings,
                                     const std::string& source) {
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t id = 0; id < spellings.size(); ++id) {
    if (!spellings[id].empty()) ids.emplace(spellings[id], static_cast<int32_t>(id));
  }
  std::vector<Merge> merges;
  merges.reserve(pairs.size());
  for (const auto& [left, right] : pairs) {
    const auto id_of = [&](const std::string& token) {
      const auto found = ids.find(token);
      if (found == ids.end()) {
        fail(cat(source, ": merge ", merges.size(), " ('", left, "' '", right, "'): no token '",
                 token, "' in the vocabulary"));
      }
      return found->second;
    };
    merges.push_back(
        {id_of(left), id_of(right), id_of(left + right), static_cast<uint32_t>(merges.size())});
  }
  return merges;
}

void fill_byte_level_vocabulary(TokenizerData& data, const std::vector<std::string>& spellings) {
  data.bpe.byte_level = true;
  data.bpe.pieces.assign(spellings.size(), "");
  data.token_bytes = spellings;
  for (size_t id = 0; id < spellings.size(); ++id) {
    const std::optional<std::string> bytes = bytes_of_spelling(spellings[id]);
    if (!bytes) continue;
    data.bpe.pieces[id] = *bytes;
    data.token_bytes[id] = *bytes;
    if (bytes->size() == 1) {
      data.bpe.byte_ids[static_cast<unsigned char>(bytes->front())] = static_cast<int32_t>(id);
    }
  }
  for (const AddedToken& token : data.added) {
    data.token_bytes[static_cast<size_t>(token.id)] = spelling_in_text(token, data);
  }
}

void fill_character_vocabulary(TokenizerData& data, const std::vector<std::string>& spellings) {
  data.bpe.byte_level = false;
  data.bpe.pieces = spellings;
  data.token_bytes = spellings;
  for (const AddedToken& token : data.added) {
    data.token_bytes[static_cast<size_t>(token.id)] = spelling_in_text(token, data);
  }
  for (size_t id = 0; id < spellings.size(); ++id) {
    data.token_bytes[id] = replace_all(data.token_bytes[id], kSpaceMark, " ");
    const int byte = byte_of_spelling(spellings[id]);
    if (byte < 0) continue;
    data.bpe.byte_ids[static_cast<size_t>(byte)] = static_cast<int32_t>(id);
    data.token_bytes[id] = std::string(1, static_cast<char>(byte));
  }
}

std::string hash_of(const TokenizerData& data) {
  Canonical canonical;
  add_bpe(canonical, data.bpe);
  canonical.add_list(data.token_bytes);
  add_added_tokens(canonical, data.added);
  canonical.add_steps(data.normalizer);
  canonical.add_steps(data.pre_tokenizer);
  canonical.add_list(data.prefix_ids);
  canonical.add_list(data.suffix_ids);
  canonical.add(data.bos).add(data.eos).add(data.strip_leading_space);
  return sha256_hex(canonical.text());
}

}  // namespace evalharness
