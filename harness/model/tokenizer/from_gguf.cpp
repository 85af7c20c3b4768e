// The tokenizer inside a GGUF file: keys `tokenizer.ggml.*`.

#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/model/gguf.h"
#include "harness/model/tokenizer/pipeline.h"

namespace evalharness {
namespace {

const std::string kKey = "tokenizer.ggml.";

// `tokenizer.ggml.token_type`.
enum TokenType {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

// What the name in `tokenizer.ggml.pre` stands for.
struct PreTokenizerKind {
  std::vector<NormalizerStep> normalizer;
  std::vector<std::string> patterns;  // one after the other, each match a piece
  bool ignore_merges = false;
  bool add_bos = false;
};

const std::string kLlama3Contractions = R"((?i:'s|'t|'re|'ve|'m|'ll|'d))";
const std::string kLlama3Rest = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

const std::map<std::string, PreTokenizerKind>& pre_tokenizer_kinds() {
  static const std::map<std::string, PreTokenizerKind> kinds = {
      // The name for "not known" in old files, and what llama.cpp makes of it.
      {"default",
       {{},
        {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Pattern, R"(\p{N}+)", "[0-9][0-9][0-9]"},
        false,
        false}},
      {"gpt-2", {{}, {kGpt2Pattern}, false, false}},
      {"llama-bpe",
       {{},
        {kLlama3Contractions + R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})" + kLlama3Rest},
        true,
        true}},
      // The model's own tokenizer.json composes characters (NFC); llama.cpp does not.
      {"qwen2",
       {{UnicodeForm::kNfc},
        {kLlama3Contractions + R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})" + kLlama3Rest},
        false,
        false}},
      {"smollm", {{}, {R"(\p{N})", kGpt2Pattern}, false, false}},
  };
  return kinds;
}

const PreTokenizerKind& pre_tokenizer_kind(const GgufFile& file) {
  const std::string& name = file.string(kKey + "pre");
  const auto found = pre_tokenizer_kinds().find(name);
  if (found != pre_tokenizer_kinds().end()) return found->second;
  const std::vector<std::string> names = keys_of(pre_tokenizer_kinds());
  fail(cat(file.path(), ": ", kKey, "pre: unsupported '", name, "'", did_you_mean(name, names),
           "; supported: ", join(names, ", ")));
}

std::vector<int64_t> token_types(const GgufFile& file, size_t tokens) {
  const std::vector<int64_t>* types = file.find_integers(kKey + "token_type");
  if (types == nullptr) return std::vector<int64_t>(tokens, kNormal);
  if (types->size() != tokens) {
    fail(cat(file.path(), ": ", kKey, "token_type: expected ", tokens, " entries, got ",
             types->size()));
  }
  return *types;
}

void read_added_tokens(const std::vector<std::string>& tokens, const std::vector<int64_t>& types,
                       TokenizerData& data) {
  for (size_t id = 0; id < tokens.size(); ++id) {
    const bool special = types[id] == kControl || types[id] == kUnknown;
    if (!special && types[id] != kUserDefined) continue;
    data.added.push_back({.id = static_cast<int32_t>(id), .text = tokens[id], .special = special});
  }
}

int32_t token_id(const GgufFile& file, const std::string& key) {
  const std::optional<uint64_t> id = file.find_integer(kKey + key);
  if (!id) return -1;
  if (*id >= file.strings(kKey + "tokens").size()) {
    fail(cat(file.path(), ": ", kKey, key, ": token ", *id, " is outside the vocabulary"));
  }
  return static_cast<int32_t>(*id);
}

void read_ends(const GgufFile& file, bool add_bos, TokenizerData& data) {
  data.bos = token_id(file, "bos_token_id");
  data.eos = token_id(file, "eos_token_id");
  if (file.find_bool(kKey + "add_bos_token").value_or(add_bos)) {
    if (data.bos < 0)
      fail(cat(file.path(), ": ", kKey, "bos_token_id: missing, and BOS is to be added"));
    data.prefix_ids = {data.bos};
  }
  if (file.find_bool(kKey + "add_eos_token").value_or(false)) {
    if (data.eos < 0)
      fail(cat(file.path(), ": ", kKey, "eos_token_id: missing, and EOS is to be added"));
    data.suffix_ids = {data.eos};
  }
}

void read_byte_level(const GgufFile& file, const std::vector<std::string>& tokens,
                     TokenizerData& data) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& line : file.strings(kKey + "merges")) {
    const size_t space = line.find(' ', 1);  // a part may not be empty
    if (space == std::string::npos) {
      fail(cat(file.path(), ": ", kKey, "merges[", pairs.size(), "]: expected two tokens, got '",
               line, "'"));
    }
    pairs.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  data.bpe.merges = merges_from_pairs(pairs, tokens, file.path());
  fill_byte_level_vocabulary(data, tokens);
  const PreTokenizerKind& kind = pre_tokenizer_kind(file);
  data.bpe.ignore_merges = kind.ignore_merges;
  data.normalizer = kind.normalizer;
  if (file.find_bool(kKey + "add_space_prefix").value_or(false)) {
    data.pre_tokenizer.push_back(Prefix{.text = " "});
  }
  for (const std::string& pattern : kind.patterns) {
    data.pre_tokenizer.push_back(Split{.pattern = pattern});
  }
  read_ends(file, kind.add_bos, data);
}

const std::vector<double>& scores(const GgufFile& file, size_t tokens) {
  const auto found = file.metadata().find(kKey + "scores");
  const auto* values =
      found == file.metadata().end() ? nullptr : std::get_if<std::vector<double>>(&found->second);
  if (values == nullptr) fail(cat(file.path(), ": missing key '", kKey, "scores'"));
  if (values->size() != tokens) {
    fail(cat(file.path(), ": ", kKey, "scores: expected ", tokens, " entries, got ",
             values->size()));
  }
  return *values;
}

// Sentencepiece merges any two neighbours that form a token, the highest score first: every way to
// cut a token in two tokens is a merge, and its rank is the place of its score.
std::vector<Merge> merges_from_scores(const std::vector<std::string>& tokens,
                                      const std::vector<int64_t>& types,
                                      const std::vector<double>& score) {
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t id = 0; id < tokens.size(); ++id) {
    const bool merges = types[id] == kNormal || types[id] == kUserDefined || types[id] == kUnused;
    if (merges) ids.emplace(tokens[id], static_cast<int32_t>(id));
  }
  std::vector<double> ranks(score);
  std::ranges::sort(ranks, std::greater());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  std::vector<Merge> merges;
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (!ids.contains(tokens[id]) || types[id] == kUnused) continue;
    const auto place = std::ranges::lower_bound(ranks, score[id], std::greater());
    const uint32_t rank = static_cast<uint32_t>(place - ranks.begin());
    for (size_t cut = 1; cut < tokens[id].size(); ++cut) {
      const auto left = ids.find(std::string_view(tokens[id]).substr(0, cut));
      const auto right = ids.find(std::string_view(tokens[id]).substr(cut));
      if (left == ids.end() || right == ids.end()) continue;
      merges.push_back({left->second, right->second, static_cast<int32_t>(id), rank});
    }
  }
  return merges;
}

// Whether some token has a space mark behind another character: "a▁b".
bool crosses_words(const std::vector<std::string>& tokens) {
  return std::ranges::any_of(tokens, [](const std::string& token) {
    const size_t letter = token.find_first_not_of(kSpaceMark);
    return letter != std::string::npos && token.find(kSpaceMark, letter) != std::string::npos;
  });
}

void read_sentencepiece(const GgufFile& file, const std::vector<std::string>& tokens,
                        const std::vector<int64_t>& types, TokenizerData& data) {
  data.bpe.merges = merges_from_scores(tokens, types, scores(file, tokens.size()));
  fill_character_vocabulary(data, tokens);
  data.bpe.unknown = token_id(file, "unknown_token_id");
  if (file.find_bool(kKey + "remove_extra_whitespaces").value_or(false)) {
    fail(cat(file.path(), ": ", kKey, "remove_extra_whitespaces: not supported"));
  }
  if (file.find_bool(kKey + "add_space_prefix").value_or(true)) {
    data.normalizer.push_back(Prefix{.text = kSpaceMark, .unless_there = false});
    data.strip_leading_space = true;
  }
  data.normalizer.push_back(Replace{" ", kSpaceMark});
  // No merge reaches over a word's end, so words can be encoded one by one, which is faster.
  if (!crosses_words(tokens)) {
    data.pre_tokenizer.push_back(
        Split{.pattern = cat(kSpaceMark, "*[^", kSpaceMark, "]+|", kSpaceMark, "+")});
  }
  read_ends(file, true, data);
}

}  // namespace

TokenizerData tokenizer_data_from_gguf(const std::string& path) {
  const GgufFile file(path);
  const std::string& model = file.string(kKey + "model");
  const std::vector<std::string>& tokens = file.strings(kKey + "tokens");
  const std::vector<int64_t> types = token_types(file, tokens.size());
  TokenizerData data;
  data.source = path;
  read_added_tokens(tokens, types, data);
  if (model == "gpt2") {
    read_byte_level(file, tokens, data);
  } else if (model == "llama") {
    read_sentencepiece(file, tokens, types, data);
  } else {
    fail(cat(path, ": ", kKey, "model: unsupported '", model, "'; supported: gpt2, llama"));
  }
  return data;
}

}  // namespace evalharness
