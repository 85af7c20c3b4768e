// The tokenizer of a Hugging Face folder: tokenizer.json of the `tokenizers` library, model BPE.
// What this file does not read fails with its place and name: no part is left out silently.

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <functional>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/model/tokenizer/json_place.h"
#include "harness/model/tokenizer/pipeline.h"

namespace evalharness {
namespace {

// The type of a part, and its parts if it is a Sequence (whose list has another name in each
// place).
void for_each_part(const JsonPlace& place, std::string_view list_key,
                   const std::function<void(const JsonPlace&, const std::string& type)>& read) {
  const std::string& type = place.at("type").string();
  if (type != "Sequence") return read(place, type);
  place.reject_keys_but({"type", list_key});
  for (const JsonPlace& part : place.at(list_key).items()) for_each_part(part, list_key, read);
}

std::string literal_pattern(const std::string& text) {
  std::string pattern;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x80 && std::isalnum(static_cast<unsigned char>(c)) == 0) {
      pattern += '\\';
    }
    pattern += c;
  }
  return pattern;
}

// {"String": "x"}
std::string string_pattern(const JsonPlace& pattern) {
  pattern.reject_keys_but({"String"});
  return pattern.at("String").string();
}

Replace read_replace(const JsonPlace& place) {
  place.reject_keys_but({"type", "pattern", "content"});
  return {string_pattern(place.at("pattern")), place.at("content").string()};
}

// -- normalizer

void read_normalizer(const JsonPlace& place, const std::string& type, TokenizerData& data) {
  const std::vector<std::pair<std::string, UnicodeForm>> forms = {{"NFC", UnicodeForm::kNfc},
                                                                  {"NFD", UnicodeForm::kNfd},
                                                                  {"NFKC", UnicodeForm::kNfkc},
                                                                  {"NFKD", UnicodeForm::kNfkd}};
  for (const auto& [name, form] : forms) {
    if (type != name) continue;
    place.reject_keys_but({"type"});
    data.normalizer.push_back(form);
    return;
  }
  if (type == "Prepend") {
    place.reject_keys_but({"type", "prepend"});
    data.normalizer.push_back(Prefix{.text = place.at("prepend").string(), .unless_there = false});
  } else if (type == "Replace") {
    data.normalizer.push_back(read_replace(place));
  } else {
    place.fail_unsupported(type, "NFC, NFD, NFKC, NFKD, Prepend, Replace, Sequence");
  }
}

// -- pre_tokenizer

SplitBehaviour read_behaviour(const JsonPlace& place) {
  const std::vector<std::pair<std::string, SplitBehaviour>> behaviours = {
      {"Removed", SplitBehaviour::kRemoved},
      {"Isolated", SplitBehaviour::kIsolated},
      {"MergedWithPrevious", SplitBehaviour::kMergedWithPrevious},
      {"MergedWithNext", SplitBehaviour::kMergedWithNext},
      {"Contiguous", SplitBehaviour::kContiguous}};
  for (const auto& [name, behaviour] : behaviours) {
    if (place.string() == name) return behaviour;
  }
  place.fail_unsupported(place.string(),
                         "Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
}

Split read_split(const JsonPlace& place) {
  place.reject_keys_but({"type", "pattern", "behavior", "invert"});
  const JsonPlace pattern = place.at("pattern");
  const std::optional<JsonPlace> regex = pattern.find("Regex");
  return {.pattern = regex ? regex->string() : literal_pattern(string_pattern(pattern)),
          .behaviour = read_behaviour(place.at("behavior")),
          .invert = place.boolean_or("invert", false)};
}

void read_byte_level(const JsonPlace& place, TokenizerData& data) {
  place.reject_keys_but({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  data.bpe.byte_level = true;
  if (place.boolean_or("add_prefix_space", true)) data.pre_tokenizer.push_back(Prefix{.text = " "});
  if (place.boolean_or("use_regex", true)) {
    data.pre_tokenizer.push_back(Split{.pattern = kGpt2Pattern});
  }
}

// "always", "first" or "never"; older files say add_prefix_space instead.
std::string prepend_scheme(const JsonPlace& place) {
  const std::string missing = place.boolean_or("add_prefix_space", true) ? "always" : "never";
  const std::string scheme = place.string_or("prepend_scheme", missing);
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    place.at("prepend_scheme").fail_unsupported(scheme, "always, first, never");
  }
  return scheme;
}

void read_metaspace(const JsonPlace& place, TokenizerData& data) {
  place.reject_keys_but(
      {"type", "replacement", "str_rep", "add_prefix_space", "prepend_scheme", "split"});
  const std::string mark = place.string_or("replacement", kSpaceMark);
  const std::string scheme = prepend_scheme(place);
  data.pre_tokenizer.push_back(Replace{" ", mark});
  if (scheme != "never") {
    data.pre_tokenizer.push_back(Prefix{.text = mark, .only_at_text_start = scheme == "first"});
  }
  if (place.boolean_or("split", true)) {
    data.pre_tokenizer.push_back(
        Split{.pattern = literal_pattern(mark), .behaviour = SplitBehaviour::kMergedWithNext});
  }
}

void read_pre_tokenizer(const JsonPlace& place, const std::string& type, TokenizerData& data) {
  // ByteLevel rewrites the text in its own alphabet; a later part would see that, not the text.
  if (data.bpe.byte_level) place.fail_here("expected nothing after ByteLevel");
  if (type == "ByteLevel") {
    read_byte_level(place, data);
  } else if (type == "Split") {
    data.pre_tokenizer.push_back(read_split(place));
  } else if (type == "Digits") {
    place.reject_keys_but({"type", "individual_digits"});
    const bool individual = place.boolean_or("individual_digits", false);
    data.pre_tokenizer.push_back(
        Split{.pattern = R"(\p{N})",
              .behaviour = individual ? SplitBehaviour::kIsolated : SplitBehaviour::kContiguous});
  } else if (type == "Metaspace") {
    read_metaspace(place, data);
  } else {
    place.fail_unsupported(type, "ByteLevel, Digits, Metaspace, Sequence, Split");
  }
}

// -- model and added tokens

size_t read_id(const JsonPlace& place) {
  constexpr int64_t kMost =
      1 << 24;  // no vocabulary is near it: a larger id is a mistake in the file
  const int64_t id = place.integer();
  if (id < 0 || id >= kMost) place.fail_here(cat("expected a token id, got ", id));
  return static_cast<size_t>(id);
}

void place_token(std::vector<std::string>& spellings, size_t id, const std::string& text) {
  if (id >= spellings.size()) spellings.resize(id + 1);
  spellings[id] = text;
}

std::vector<std::string> read_vocabulary(const JsonPlace& vocab) {
  if (!vocab.value().is_map()) vocab.fail_here("expected a map of tokens to ids");
  std::vector<std::string> spellings;
  for (const auto& [token, id] : vocab.value().map()) {
    place_token(spellings, read_id(JsonPlace(id, cat(vocab.where(), ".", token))), token);
  }
  return spellings;
}

std::vector<std::pair<std::string, std::string>> read_merges(const JsonPlace& merges) {
  if (!merges.value().is_list()) merges.fail_here("expected a list");
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const Value& merge : merges.value().list()) {
    const JsonPlace place(merge, cat(merges.where(), "[", pairs.size(), "]"));
    std::vector<std::string> parts;
    if (merge.is_string()) {
      parts = split(merge.string(), " ");
    } else {
      for (const JsonPlace& part : place.items()) parts.push_back(part.string());
    }
    if (parts.size() != 2) place.fail_here(cat("expected two tokens, got ", parts.size()));
    pairs.emplace_back(parts[0], parts[1]);
  }
  return pairs;
}

int32_t id_of(const std::vector<std::string>& spellings, const JsonPlace& token) {
  const auto found = std::ranges::find(spellings, token.string());
  if (found == spellings.end())
    token.fail_here(cat("no token '", token.string(), "' in the vocabulary"));
  return static_cast<int32_t>(found - spellings.begin());
}

void check_model(const JsonPlace& model) {
  model.reject_keys_but({"type", "dropout", "unk_token", "continuing_subword_prefix",
                         "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges",
                         "vocab", "merges"});
  const std::string type = model.string_or("type", "BPE");  // early files have no type
  if (type != "BPE") model.fail_unsupported(type, "BPE");
  if (const auto dropout = model.find("dropout"); dropout && dropout->value() != Value(0.0)) {
    dropout->fail_here("not supported: encoding would be random");
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model.string_or(key, "").empty()) model.at(key).fail_here("not supported");
  }
}

void read_added_tokens(const JsonPlace& list, std::vector<std::string>& spellings,
                       TokenizerData& data) {
  for (const JsonPlace& token : list.items()) {
    token.reject_keys_but(
        {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
    const size_t id = read_id(token.at("id"));
    const std::string& text = token.at("content").string();
    place_token(spellings, id, text);
    data.added.push_back({.id = static_cast<int32_t>(id),
                          .text = text,
                          .special = token.boolean_or("special", false),
                          .normalized = token.boolean_or("normalized", true),
                          .single_word = token.boolean_or("single_word", false),
                          .lstrip = token.boolean_or("lstrip", false),
                          .rstrip = token.boolean_or("rstrip", false)});
  }
}

void read_model(const JsonPlace& model, const std::vector<std::string>& spellings,
                TokenizerData& data) {
  data.bpe.ignore_merges = model.boolean_or("ignore_merges", false);
  data.bpe.fuse_unknown = model.boolean_or("fuse_unk", false);
  if (!model.string_or("unk_token", "").empty()) {
    data.bpe.unknown = id_of(spellings, model.at("unk_token"));
  }
  data.bpe.merges = merges_from_pairs(read_merges(model.at("merges")), spellings, data.source);
  if (data.bpe.byte_level) {
    if (model.boolean_or("byte_fallback", false)) {
      model.at("byte_fallback").fail_here("not supported together with ByteLevel");
    }
    fill_byte_level_vocabulary(data, spellings);
    return;
  }
  fill_character_vocabulary(data, spellings);
  if (!model.boolean_or("byte_fallback", false)) data.bpe.byte_ids = BpeData().byte_ids;
}

// -- post_processor and decoder

// [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
void read_template(const JsonPlace& place, TokenizerData& data) {
  place.reject_keys_but({"type", "single", "pair", "special_tokens"});
  bool behind_text = false;
  for (const JsonPlace& part : place.at("single").items()) {
    part.reject_keys_but({"SpecialToken", "Sequence"});
    const std::optional<JsonPlace> special = part.find("SpecialToken");
    if (!special) {
      behind_text = true;
      continue;
    }
    const JsonPlace token = place.at("special_tokens").at(special->at("id").string());
    for (const JsonPlace& id : token.at("ids").items()) {
      (behind_text ? data.suffix_ids : data.prefix_ids)
          .push_back(static_cast<int32_t>(read_id(id)));
    }
  }
}

void read_post_processor(const JsonPlace& place, const std::string& type, TokenizerData& data) {
  if (type == "TemplateProcessing") {
    read_template(place, data);
  } else if (type != "ByteLevel") {  // ByteLevel changes offsets only
    place.fail_unsupported(type, "ByteLevel, Sequence, TemplateProcessing");
  }
}

// Decoding of characters is fixed: "▁" is a space and "<0x0A>" a byte. The file must say the same.
void read_decoder(const JsonPlace& place, const std::string& type, TokenizerData& data) {
  if ((type == "ByteLevel") != data.bpe.byte_level) {
    place.fail_here(cat("'", type, "' does not go with the pre-tokenizer"));
  }
  if (type == "Replace") {
    const Replace step = read_replace(place);
    if (step.from != kSpaceMark || step.to != " ")
      place.fail_here("expected '▁' to become a space");
  } else if (type == "Strip") {
    place.reject_keys_but({"type", "content", "start", "stop"});
    if (place.at("content").string() != " " || place.at("start").integer() != 1 ||
        place.at("stop").integer() != 0) {
      place.fail_here("expected one leading space");
    }
    data.strip_leading_space = true;
  } else if (type == "Metaspace") {
    data.strip_leading_space = prepend_scheme(place) != "never";
  } else if (type != "ByteLevel" && type != "ByteFallback" && type != "Fuse") {
    place.fail_unsupported(type,
                           "ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip");
  }
}

// -- BOS and EOS, which tokenizer.json does not name

// "<s>" or {"content": "<s>", ...}
std::optional<JsonPlace> named_token(const JsonPlace& config, const std::string& key) {
  const std::optional<JsonPlace> token = config.find(key);
  if (!token || token->value().is_string()) return token;
  return token->at("content");
}

void read_ends(const std::string& folder, const std::vector<std::string>& spellings,
               TokenizerData& data) {
  if (!data.prefix_ids.empty()) data.bos = data.prefix_ids.front();
  if (!data.suffix_ids.empty()) data.eos = data.suffix_ids.back();
  for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    const std::string path = cat(folder, "/", name);
    if (!std::filesystem::exists(path)) continue;
    const Value value = parse_json(read_text(path), path);
    const JsonPlace config(value, path + ": ");
    if (const auto token = named_token(config, "bos_token")) data.bos = id_of(spellings, *token);
    if (const auto token = named_token(config, "eos_token")) data.eos = id_of(spellings, *token);
  }
}

}  // namespace

TokenizerData tokenizer_data_from_json(const std::string& folder) {
  TokenizerData data;
  data.source = folder + "/tokenizer.json";
  const Value value = parse_json(read_text(data.source), data.source);
  const JsonPlace root(value, data.source + ": ");
  // Truncation and padding are a saved state of the Python object, which its callers set anew.
  root.reject_keys_but({"version", "truncation", "padding", "added_tokens", "normalizer",
                        "pre_tokenizer", "post_processor", "decoder", "model"});
  data.bpe.byte_level = false;
  const auto read_parts = [&](std::string_view key, std::string_view list_key, auto read) {
    const std::optional<JsonPlace> place = root.find(key);
    if (!place) return;
    for_each_part(*place, list_key,
                  [&](const JsonPlace& part, const std::string& type) { read(part, type, data); });
  };
  const JsonPlace model = root.at("model");
  check_model(model);
  read_parts("normalizer", "normalizers", read_normalizer);
  read_parts("pre_tokenizer", "pretokenizers", read_pre_tokenizer);
  read_parts("post_processor", "processors", read_post_processor);
  root.at("decoder");  // without one, decoded text would be the spellings with spaces between
  read_parts("decoder", "decoders", read_decoder);
  std::vector<std::string> spellings = read_vocabulary(model.at("vocab"));
  if (const auto added = root.find("added_tokens")) read_added_tokens(*added, spellings, data);
  read_model(model, spellings, data);
  read_ends(folder, spellings, data);
  return data;
}

}  // namespace evalharness
