#include "harness/model/tokenizer/added_tokens.h"

#include <utf8proc.h>

#include <algorithm>

#include "harness/model/tokenizer/utf8.h"

namespace evalharness {
namespace {

// \w of regular expressions.
bool is_word_character(char32_t code) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return code == 0x200C || code == 0x200D;  // the joiners
  }
}

bool character_is(bool (*property)(char32_t), std::string_view text, size_t at) {
  return at < text.size() && utf8_step(text, at).kind == Utf8Step::kCharacter &&
         property(code_point_at(text, at));
}

// Where the character that ends at `end` begins. Precondition: end > 0.
size_t character_before(std::string_view text, size_t end) {
  size_t at = end - 1;
  while (at > 0 && end - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0u) == 0x80) --at;
  return at;
}

bool stands_alone(std::string_view text, size_t begin, size_t end) {
  const bool word_before =
      begin > 0 && character_is(is_word_character, text, character_before(text, begin));
  return !word_before && !character_is(is_word_character, text, end);
}

size_t skip_space_back(std::string_view text, size_t begin, size_t limit) {
  while (begin > limit) {
    const size_t at = character_before(text, begin);
    if (at < limit || !character_is(is_white_space, text, at)) break;
    begin = at;
  }
  return begin;
}

size_t skip_space(std::string_view text, size_t end) {
  while (character_is(is_white_space, text, end)) end += utf8_step(text, end).length;
  return end;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (tokens_[i].text.empty()) continue;
    by_first_byte_[static_cast<unsigned char>(tokens_[i].text.front())].push_back(i);
  }
  for (std::vector<size_t>& places : by_first_byte_) {
    std::ranges::stable_sort(places, std::greater(),
                             [this](size_t i) { return tokens_[i].text.size(); });
  }
}

const AddedToken* AddedTokens::longest_at(std::string_view text, size_t at) const {
  for (const size_t i : by_first_byte_[static_cast<unsigned char>(text[at])]) {
    if (text.substr(at).starts_with(tokens_[i].text)) return &tokens_[i];
  }
  return nullptr;
}

void AddedTokens::split(std::string_view text, const std::function<void(std::string_view)>& on_text,
                        const std::function<void(int32_t)>& on_token) const {
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    const AddedToken* token = longest_at(text, at);
    if (token == nullptr) {
      ++at;
      continue;
    }
    const size_t match_end = at + token->text.size();
    if (!token->single_word || stands_alone(text, at, match_end)) {
      const size_t begin = token->lstrip ? skip_space_back(text, at, done) : at;
      if (begin > done) on_text(text.substr(done, begin - done));
      on_token(token->id);
      done = token->rstrip ? skip_space(text, match_end) : match_end;
    }
    at = std::max(done, match_end);
  }
  if (done < text.size()) on_text(text.substr(done));
}

}  // namespace evalharness
