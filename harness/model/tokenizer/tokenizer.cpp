#include "harness/model/tokenizer.h"

#include <filesystem>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/model/tokenizer/pipeline.h"
#include "harness/model/tokenizer/utf8.h"

namespace evalharness {

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
    fail(cat(path, ": expected tokenizer.json or tokenizer.model in this folder, found neither"));
  }
  return make_bpe_tokenizer(tokenizer_data_from_gguf(path));
}

}  // namespace evalharness
