// A tokenizer that anyone can run in the head: a token a byte of the text, id = byte value modulo `vocab`.
#pragma once

#include "harness/base/text.h"
#include "harness/model/tokenizer.h"

namespace evalharness {

class ByteTokenizer final : public Tokenizer {
 public:
  explicit ByteTokenizer(size_t vocab = 256, int32_t bos = 1, bool adds_bos = false)
      : vocab_(vocab), bos_(bos), adds_bos_(adds_bos) {}
  std::vector<int32_t> encode(std::string_view text, bool specials = true) const override {
    std::vector<int32_t> ids;
    if (specials && adds_bos_) ids.push_back(bos_);
    for (const char c : text) ids.push_back(static_cast<int32_t>(static_cast<unsigned char>(c) % vocab_));
    return ids;
  }
  std::string decode_bytes(std::span<const int32_t> ids) const override {
    std::string text;
    for (const int32_t id : ids) text += static_cast<char>(id);
    return text;
  }
  std::string token_text(int32_t id) const override { return std::string(1, static_cast<char>(id)); }
  size_t vocab() const override { return vocab_; }
  int32_t bos() const override { return bos_; }
  int32_t eos() const override { return 2; }
  bool adds_bos() const override { return adds_bos_; }
  bool is_special(int32_t id) const override { return id == bos_ || id == 2; }
  std::string hash() const override { return sha256_hex("bytes"); }
  size_t dropped_bytes() const override { return 0; }

 private:
  size_t vocab_;
  int32_t bos_;
  bool adds_bos_;
};

}  // namespace evalharness
