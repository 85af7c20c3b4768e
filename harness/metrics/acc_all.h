// Questions with several answers, each judged in a document of its own (MultiRC): a question is right where all of its
// documents are. lm-evaluation-harness's acc_all.
#pragma once

#include <span>
#include <vector>

#include "harness/metrics/item.h"

namespace evalharness {

// An item a question, by Item::statistics = {paragraph, question}: value 1 where all of its documents have 1, else 0; not a
// number where one of them is none. In the order of paragraphs and questions.
std::vector<Item> by_question(std::span<const Item> documents);

}  // namespace evalharness
