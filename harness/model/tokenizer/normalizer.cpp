#include "harness/model/tokenizer/normalizer.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

utf8proc_option_t options_of(UnicodeForm form) {
  constexpr int kCompose = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
  constexpr int kDecompose = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
  switch (form) {
    case UnicodeForm::kNfc:
      return static_cast<utf8proc_option_t>(kCompose);
    case UnicodeForm::kNfd:
      return static_cast<utf8proc_option_t>(kDecompose);
    case UnicodeForm::kNfkc:
      return static_cast<utf8proc_option_t>(kCompose | UTF8PROC_COMPAT);
    case UnicodeForm::kNfkd:
      return static_cast<utf8proc_option_t>(kDecompose | UTF8PROC_COMPAT);
  }
  return UTF8PROC_STABLE;
}

struct Free {
  void operator()(utf8proc_uint8_t* text) const { std::free(text); }  // utf8proc_map allocates so
};

std::string apply_step(UnicodeForm form, std::string_view text, bool) {
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &mapped, options_of(form));
  const std::unique_ptr<utf8proc_uint8_t, Free> owned(mapped);
  if (length < 0) fail(cat("cannot normalise text: ", utf8proc_errmsg(length)));
  return std::string(reinterpret_cast<const char*>(mapped), static_cast<size_t>(length));
}

}  // namespace

std::string apply_step(const Prefix& step, std::string_view piece, bool text_start) {
  const bool wanted = !piece.empty() && (text_start || !step.only_at_text_start) &&
                      !(step.unless_there && piece.starts_with(step.text));
  return wanted ? cat(step.text, piece) : std::string(piece);
}

std::string apply_step(const Replace& step, std::string_view piece, bool) {
  return replace_all(std::string(piece), step.from, step.to);
}

std::string normalize(std::string_view text, const std::vector<NormalizerStep>& steps) {
  std::string result(text);
  for (const NormalizerStep& step : steps) {
    result = std::visit([&](const auto& kind) { return apply_step(kind, result, true); }, step);
  }
  return result;
}

}  // namespace evalharness
