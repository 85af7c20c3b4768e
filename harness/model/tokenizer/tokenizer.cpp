#include "harness/model/tokenizer.h"

#include <filesystem>

#include "harness/base/error.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/model/gguf_header.h"
#include "harness/model/tokenizer/pipeline.h"
#include "harness/model/tokenizer/utf8.h"

namespace evalharness {
namespace {

constexpr const char* kGgufKeys = "/tokenizer.gguf";

}  // namespace

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  return replace_invalid_utf8(decode_bytes(ids));
}

std::string Detokenizer::push(int32_t id) {
  ids_.push_back(id);
  // All tokens again: what the first of them give can depend on being first.
  bytes_ = tokenizer_.decode_bytes(ids_);
  return take(bytes_.size() - unfinished_utf8_bytes(bytes_));
}

std::string Detokenizer::finish() { return take(bytes_.size()); }

std::string Detokenizer::take(size_t end) {
  if (end <= given_) return "";
  const std::string piece = bytes_.substr(given_, end - given_);
  given_ = end;
  return replace_invalid_utf8(piece);
}

std::unique_ptr<Tokenizer> open_tokenizer(const std::string& path) {
  namespace fs = std::filesystem;
  if (fs::is_directory(path)) {
    if (fs::exists(path + "/tokenizer.json")) {
      return make_bpe_tokenizer(tokenizer_data_from_json(path));
    }
    if (fs::exists(path + "/tokenizer.model")) return open_sentencepiece(path);
    if (fs::exists(path + kGgufKeys)) return open_tokenizer(path + kGgufKeys);
    fail(cat(path, ": expected tokenizer.json or tokenizer.model in this folder, found neither"));
  }
  return make_bpe_tokenizer(tokenizer_data_from_gguf(path));
}

void save_tokenizer(const std::string& path, const std::string& folder) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(path)) return write_text(folder + kGgufKeys, gguf_keys_only(path));
  for (const std::string name : {"/tokenizer.json", "/tokenizer_config.json", "/tokenizer.model",
                                 "/added_tokens.json", "/chat_template.jinja", kGgufKeys})
    if (fs::exists(path + name)) write_text(folder + name, read_text(path + name));
}

}  // namespace evalharness
