// Finds the tokens that are written out in the text ("<|im_start|>") before BPE sees it.
#pragma once

#include <array>
#include <functional>
#include <string_view>
#include <vector>

#include "harness/model/tokenizer/tokenizer_data.h"

namespace evalharness {

// Immutable, thread-safe. Matches do not overlap: the leftmost first, the longest of those.
class AddedTokens {
 public:
  explicit AddedTokens(std::vector<AddedToken> tokens);
  // Calls text(piece) and token(id) in the order of the text. No piece is empty.
  void split(std::string_view text, const std::function<void(std::string_view)>& on_text,
             const std::function<void(int32_t)>& on_token) const;

 private:
  const AddedToken* longest_at(std::string_view text, size_t at) const;

  std::vector<AddedToken> tokens_;
  std::array<std::vector<size_t>, 256> by_first_byte_;  // places in tokens_, longest text first
};

}  // namespace evalharness
