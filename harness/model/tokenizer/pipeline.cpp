#include "harness/model/tokenizer/pipeline.h"

#include <atomic>
#include <utility>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/model/tokenizer/added_tokens.h"
#include "harness/model/tokenizer/bpe.h"
#include "harness/model/tokenizer/normalizer.h"
#include "harness/model/tokenizer/piece_cache.h"
#include "harness/model/tokenizer/pre_tokenizer.h"
#include "harness/model/tokenizer/utf8.h"

namespace evalharness {
namespace {

// Where the run of text[from..] that is all valid, or all invalid, ends.
size_t end_of_run(std::string_view text, size_t from, bool valid) {
  while (from < text.size()) {
    const Utf8Step step = utf8_step(text, from);
    if ((step.kind == Utf8Step::kCharacter) != valid) break;
    from += step.length;
  }
  return from;
}

std::vector<AddedToken> added_tokens_of(const TokenizerData& data, bool normalized) {
  std::vector<AddedToken> tokens;
  for (AddedToken token : data.added) {
    if (token.normalized != normalized) continue;
    if (normalized) token.text = normalize(token.text, data.normalizer);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

void check_ids(const TokenizerData& data) {
  const auto check = [&](int32_t id, const char* what) {
    if (id < -1 || id >= static_cast<int32_t>(data.token_bytes.size())) {
      fail(cat(data.source, ": ", what, ": token ", id, " is outside the vocabulary of ",
               data.token_bytes.size()));
    }
  };
  for (const AddedToken& token : data.added) check(token.id, "added token");
  for (const int32_t id : data.prefix_ids) check(id, "token before the text");
  for (const int32_t id : data.suffix_ids) check(id, "token behind the text");
  check(data.bos, "bos");
  check(data.eos, "eos");
}

class PipelineTokenizer final : public Tokenizer {
 public:
  PipelineTokenizer(TokenizerData data, std::unique_ptr<SubwordModel> model, std::string hash)
      : data_(std::move(data)),
        model_(std::move(model)),
        hash_(std::move(hash)),
        pre_tokenizer_(data_.pre_tokenizer, data_.source),
        added_(added_tokens_of(data_, false)),
        added_after_normalizer_(added_tokens_of(data_, true)),
        special_(data_.token_bytes.size(), false) {
    for (const AddedToken& token : data_.added) {
      special_[static_cast<size_t>(token.id)] = token.special;
    }
  }

  std::vector<int32_t> encode(std::string_view text, bool specials) const override {
    Encoding encoding;
    if (specials) encoding.ids = data_.prefix_ids;
    added_.split(
        text,
        [&](std::string_view piece) { encode_raw(piece, piece.data() == text.data(), encoding); },
        [&](int32_t id) { encoding.ids.push_back(id); });
    if (specials) {
      encoding.ids.insert(encoding.ids.end(), data_.suffix_ids.begin(), data_.suffix_ids.end());
    }
    dropped_ += encoding.dropped;
    return std::move(encoding.ids);
  }

  std::string decode_bytes(std::span<const int32_t> ids) const override {
    std::string bytes;
    for (const int32_t id : ids) {
      if (!is_special(id)) bytes += data_.token_bytes[static_cast<size_t>(id)];
    }
    if (data_.strip_leading_space && bytes.starts_with(' ')) bytes.erase(0, 1);
    return bytes;
  }

  std::string token_text(int32_t id) const override {
    require_token(id);
    return data_.token_bytes[static_cast<size_t>(id)];
  }
  size_t vocab() const override { return data_.token_bytes.size(); }
  int32_t bos() const override { return data_.bos; }
  int32_t eos() const override { return data_.eos; }
  bool adds_bos() const override {
    return !data_.prefix_ids.empty() && data_.prefix_ids.front() == data_.bos;
  }
  bool is_special(int32_t id) const override {
    require_token(id);
    return special_[static_cast<size_t>(id)];
  }
  std::string hash() const override { return hash_; }
  size_t dropped_bytes() const override { return dropped_; }

 private:
  struct Encoding {
    std::vector<int32_t> ids;
    size_t dropped = 0;
  };

  void require_token(int32_t id) const { EH_ASSERT(id >= 0 && static_cast<size_t>(id) < vocab()); }

  // Invalid bytes are kept from the parts that need characters, and go to BPE by themselves.
  void encode_raw(std::string_view text, bool text_start, Encoding& to) const {
    for (size_t at = 0; at < text.size();) {
      const size_t valid_end = end_of_run(text, at, true);
      if (valid_end > at) encode_valid(text.substr(at, valid_end - at), text_start && at == 0, to);
      const size_t invalid_end = end_of_run(text, valid_end, false);
      if (invalid_end > valid_end)
        encode_piece(text.substr(valid_end, invalid_end - valid_end), to);
      at = invalid_end;
    }
  }

  void encode_valid(std::string_view text, bool text_start, Encoding& to) const {
    const std::string normalized = normalize(text, data_.normalizer);
    added_after_normalizer_.split(
        normalized,
        [&](std::string_view piece) {
          pre_tokenizer_.split(piece, text_start && piece.data() == normalized.data(),
                               [&](std::string_view part) { encode_piece(part, to); });
        },
        [&](int32_t id) { to.ids.push_back(id); });
  }

  void encode_piece(std::string_view piece, Encoding& to) const {
    if (cache_.append(piece, to.ids, to.dropped)) return;
    PieceIds result;
    result.dropped = model_->encode(piece, result.ids);
    to.ids.insert(to.ids.end(), result.ids.begin(), result.ids.end());
    to.dropped += result.dropped;
    cache_.remember(piece, std::move(result));
  }

  TokenizerData data_;
  std::unique_ptr<SubwordModel> model_;
  std::string hash_;
  PreTokenizer pre_tokenizer_;
  AddedTokens added_;
  AddedTokens added_after_normalizer_;
  std::vector<bool> special_;
  mutable PieceCache cache_;
  mutable std::atomic<size_t> dropped_ = 0;
};

}  // namespace

std::unique_ptr<Tokenizer> make_tokenizer(TokenizerData data, std::unique_ptr<SubwordModel> model,
                                          std::string hash) {
  check_ids(data);
  return std::make_unique<PipelineTokenizer>(std::move(data), std::move(model), std::move(hash));
}

std::unique_ptr<Tokenizer> make_bpe_tokenizer(TokenizerData data) {
  std::string hash = hash_of(data);
  std::unique_ptr<SubwordModel> bpe = std::make_unique<Bpe>(std::exchange(data.bpe, {}));
  return make_tokenizer(std::move(data), std::move(bpe), std::move(hash));
}

}  // namespace evalharness
