// What Python does to values and text, where lm-evaluation-harness leaves prompts and scores to it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "harness/base/value.h"

namespace evalharness::python {

// str(value) and repr(value): True, None, 1.0, 1e-05, ['it', "it's"], {'a': 1}.
std::string str(const Value& value);
std::string repr(const Value& value);

// ast.literal_eval: strings, numbers, True, False, None, lists, tuples (as lists) and dicts of
// those. Nothing where the text is no literal.
std::optional<Value> literal(std::string_view text);

// Without the characters that Unicode calls punctuation.
std::string without_punctuation(std::string_view text);
// str.isdigit() for ASCII.
bool is_digits(std::string_view text);

// bool(value), value == other (1 == 1.0 == True; dicts in any order), value < other where Python
// has an order (numbers, strings, lists): nothing where it raises.
bool truth(const Value& value);
bool equal(const Value& a, const Value& b);
std::optional<bool> less(const Value& a, const Value& b);

// re.split(r"\s+", text): counts the pieces, the empty ones at both ends too.
size_t count_words(std::string_view text);

// The text with bytes that are not UTF-8 replaced by U+FFFD, as a tokenizer's decode gives it.
std::string valid_text(std::string_view text);

}  // namespace evalharness::python
