// Text to the token sequences that a model sees, by the rules of lm-evaluation-harness's Hugging Face backend.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/model/tokenizer.h"
#include "harness/scorer/scorer.h"

namespace evalharness {

// The model reads `inputs`; its last targets.size() rows are scored against `targets`.
struct Scored {
  std::vector<int32_t> inputs, targets;
  size_t truncated = 0;  // tokens cut off on the left
};

// As the tokenizer encodes by itself; nothing is added to a text that begins with BOS spelt out, as
// chat templates may.
std::vector<int32_t> encode_prompt(const Tokenizer& tokenizer, const std::string& text);

// The token that stands for an empty context: BOS, else EOS.
int32_t prefix_token(const Tokenizer& tokenizer);

// Trailing whitespace of the context moves to the target; both are encoded together and cut at the length of
// the encoded context. An empty context becomes the prefix token. At most `max_length` inputs are kept, the last.
Scored encode_pair(const Tokenizer& tokenizer, const LogLikelihood& request, size_t max_length);

// Fails where a request asks for more than a context of `max_length` tokens can hold, whatever its text.
void check_room(const Request& request, size_t max_length);

// How a protocol cuts `tokens` tokens into windows. `max_length`: the window where the protocol says 0.
size_t window_count(size_t tokens, const Protocol& protocol, size_t max_length);
Scored make_window(std::span<const int32_t> tokens, const Protocol& protocol, size_t max_length, size_t index,
                   const Tokenizer& tokenizer);

}  // namespace evalharness
