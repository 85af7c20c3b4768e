// Solved examples as their authors publish them, to rows: formats of loaders.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "datasets/document.h"

namespace evalharness {

std::vector<Document> bbh_cot_prompt(std::string_view text, const std::string& name);
std::vector<Document> lm_eval_samples(std::string_view text, const std::string& name);

}  // namespace evalharness
