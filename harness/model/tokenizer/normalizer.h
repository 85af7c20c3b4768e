// Text before it is cut into pieces: Unicode normal forms, and a mark for spaces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/model/tokenizer/tokenizer_data.h"

namespace evalharness {

// Precondition: text is valid UTF-8. Empty text stays empty.
std::string normalize(std::string_view text, const std::vector<NormalizerStep>& steps);

// One step, which pre-tokenizers have too. `text_start`: whether the piece begins the text.
std::string apply_step(const Prefix& step, std::string_view piece, bool text_start);
std::string apply_step(const Replace& step, std::string_view piece, bool text_start);

}  // namespace evalharness
