// The engine as a Unix filter: requests in, answers out, one JSON object a line, in order.
//
//     {"context": "The sky is", "target": " blue"}            {"log_prob": -2.3, "tokens": 1, "greedy": true}
//     {"context": "Q: 2+2?\nA:", "until": ["\n"],
//      "max_tokens": 16}                                       {"text": " 4", "tokens": 3}; greedy; 256 tokens by default
//     {"rolling": "A whole text."}                            {"log_prob": -31.5, "tokens": 4}
//
// The last is lm-evaluation-harness's loglikelihood_rolling: every token of the text, the first behind the prefix token, by
// windows of the model's context. A line that is none of these fails with "stdin:3: ..." and what was expected.
#pragma once

#include <iosfwd>

#include "harness/scorer/scorer.h"

namespace evalharness {

// `token_log_probs`: adds the log-probability of every scored token. Lines are answered some at a time, and written as soon
// as they are.
void score_lines(std::istream& in, std::ostream& out, Scorer& scorer, bool token_log_probs);

}  // namespace evalharness
