// Byte-pair encoding of one piece.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "harness/model/tokenizer/subword_model.h"
#include "harness/model/tokenizer/tokenizer_data.h"

namespace evalharness {

// The merge of lowest rank goes first, the leftmost of equals, until none is left: n log n in the
// piece's length. Bytes that are no UTF-8 fall back to byte tokens.
class Bpe final : public SubwordModel {
 public:
  explicit Bpe(BpeData data);
  Bpe(const Bpe&) = delete;  // ids_ holds views into data_
  Bpe& operator=(const Bpe&) = delete;

  size_t encode(std::string_view piece, std::vector<int32_t>& ids) const override;

 private:
  struct Result {
    int32_t id;
    uint32_t rank;
  };
  struct PairHash {
    size_t operator()(uint64_t pair) const {
      pair *= 0x9E3779B97F4A7C15u;  // ids are small: spread them over all bits
      return static_cast<size_t>(pair ^ (pair >> 32));
    }
  };
  class Merging;

  size_t first_symbols(std::string_view piece, std::vector<int32_t>& ids) const;
  size_t add_without_token(std::string_view character, std::vector<int32_t>& ids) const;

  BpeData data_;
  std::unordered_map<std::string_view, int32_t> ids_;  // views into data_.pieces
  std::unordered_map<uint64_t, Result, PairHash> results_;
};

}  // namespace evalharness
