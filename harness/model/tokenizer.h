// Text to token ids and back, as the model's own tokenizer does it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evalharness {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // `specials`: whether tokens that the tokenizer adds by itself (BOS) are added. Special tokens
  // written out in the text are parsed as tokens either way. Thread-safe.
  virtual std::vector<int32_t> encode(std::string_view text, bool specials = true) const = 0;
  // The bytes that the tokens stand for, special tokens skipped. They may be no valid UTF-8: a
  // character can be spread over tokens.
  virtual std::string decode_bytes(std::span<const int32_t> ids) const = 0;
  // The same as text: U+FFFD for what is no UTF-8, a character cut off at the end included (one for
  // all of its bytes; of byte-fallback vocabularies the original writes one for each byte).
  std::string decode(std::span<const int32_t> ids) const;
  virtual std::string token_text(int32_t id) const = 0;  // bytes of one token, specials spelt out
  virtual size_t vocab() const = 0;
  virtual int32_t bos() const = 0;  // -1: none
  virtual int32_t eos() const = 0;
  virtual bool adds_bos() const = 0;
  virtual bool is_special(int32_t id) const = 0;
  // Hash of everything that decides the ids (vocabulary, merges, patterns, flags).
  virtual std::string hash() const = 0;
  // Bytes that the vocabulary has no token for, dropped by encode() since construction (as the
  // original does).
  virtual size_t dropped_bytes() const = 0;
};

// Text that grows token by token. A character comes out with the token that completes it, so that
// no half of one is ever compared with a stop string. All that push() and finish() gave, one after
// the other, is decode() of all the tokens.
class Detokenizer {
 public:
  explicit Detokenizer(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}  // borrowed
  std::string push(int32_t id);
  std::string finish();  // what waits for bytes that did not come: U+FFFD or nothing

 private:
  std::string take(size_t end);

  const Tokenizer& tokenizer_;
  std::vector<int32_t> ids_;
  std::string bytes_;  // of ids_
  size_t given_ = 0;   // bytes_ that came out
};

// From a .gguf file, or a folder with tokenizer.json, tokenizer.model or tokenizer.gguf.
std::unique_ptr<Tokenizer> open_tokenizer(const std::string& path);
// Puts into `folder` the files that open_tokenizer() makes the same tokenizer of: a folder's own, or
// the keys of a GGUF file as a GGUF file without tensors, tokenizer.gguf.
void save_tokenizer(const std::string& path, const std::string& folder);

}  // namespace evalharness
