#include "harness/engine/encode.h"

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

size_t window_length(const Protocol& protocol, size_t max_length) {
  return protocol.window == 0 ? max_length : protocol.window;
}

std::vector<int32_t> slice(std::span<const int32_t> tokens, size_t first, size_t count) {
  const auto part = tokens.subspan(first, count);
  return {part.begin(), part.end()};
}

// Windows of m scored tokens, one token of context each; the last is shifted left to a full context.
Scored lm_eval_window(std::span<const int32_t> tokens, size_t m, size_t index, int32_t prefix) {
  const size_t first = index * m;
  const size_t count = std::min(m, tokens.size() - first);
  Scored window;
  window.targets = slice(tokens, first, count);
  if (index == 0) {
    window.inputs.push_back(prefix);
    window.inputs.insert(window.inputs.end(), tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(count - 1));
  } else {
    const size_t end = first + count - 1;  // one past the last input
    window.inputs = slice(tokens, end - std::min(m, end), std::min(m, end));
  }
  return window;
}

}  // namespace

std::vector<int32_t> encode_prompt(const Tokenizer& tokenizer, const std::string& text) {
  const std::string bos = tokenizer.bos() >= 0 ? tokenizer.token_text(tokenizer.bos()) : "";
  const bool begun = !bos.empty() && text.starts_with(bos);
  return tokenizer.encode(text, /*specials=*/!begun);
}

int32_t prefix_token(const Tokenizer& tokenizer) {
  const int32_t token = tokenizer.bos() >= 0 ? tokenizer.bos() : tokenizer.eos();
  if (token < 0) fail("this tokenizer has neither BOS nor EOS to stand for an empty context");
  return token;
}

Scored encode_pair(const Tokenizer& tokenizer, const LogLikelihood& request, size_t max_length) {
  const std::string context = rstrip(request.context);
  const std::string target = request.context.substr(context.size()) + request.target;
  std::vector<int32_t> whole;
  size_t context_tokens;
  if (context.empty()) {
    whole = tokenizer.encode(target, false);
    const int32_t prefix = prefix_token(tokenizer);
    if (whole.empty() || whole.front() != prefix) whole.insert(whole.begin(), prefix);
    context_tokens = 1;
  } else {
    whole = encode_prompt(tokenizer, context + target);
    context_tokens = encode_prompt(tokenizer, context).size();
  }
  Scored scored;
  if (context_tokens >= whole.size()) fail(cat("no token is left to score in target '", request.target, "'"));
  // A context that vanished in the vocabulary leaves no row to predict the first target from.
  if (context_tokens == 0) {
    whole.insert(whole.begin(), prefix_token(tokenizer));
    context_tokens = 1;
  }
  scored.targets.assign(whole.begin() + static_cast<ptrdiff_t>(context_tokens), whole.end());
  whole.pop_back();
  if (whole.size() > max_length) {
    scored.truncated = whole.size() - max_length;
    whole.erase(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(scored.truncated));
  }
  if (scored.targets.size() > whole.size())
    fail(cat("a target of ", scored.targets.size(), " tokens does not fit the model's context of ", max_length));
  scored.inputs = std::move(whole);
  return scored;
}

void check_room(const Request& request, size_t max_length) {
  if (const auto* generate = std::get_if<Generate>(&request); generate != nullptr && generate->max_tokens >= max_length)
    fail(cat("max_tokens ", generate->max_tokens, " leaves no room in the model's context of ", max_length));
  if (const auto* rolling = std::get_if<Rolling>(&request); rolling != nullptr && rolling->protocol.window > max_length)
    fail(cat("windows of ", rolling->protocol.window, " tokens do not fit the model's context of ", max_length));
}

size_t window_count(size_t tokens, const Protocol& protocol, size_t max_length) {
  const size_t window = window_length(protocol, max_length);
  if (protocol.max_tokens > 0) tokens = std::min(tokens, protocol.max_tokens);
  if (protocol.kind == Protocol::Kind::kLmEval) return (tokens + window - 1) / window;
  return tokens / window;
}

Scored make_window(std::span<const int32_t> tokens, const Protocol& protocol, size_t max_length, size_t index,
                   const Tokenizer& tokenizer) {
  const size_t window = window_length(protocol, max_length);
  if (protocol.kind == Protocol::Kind::kLmEval)
    return lm_eval_window(tokens, window, index, prefix_token(tokenizer));
  Scored scored;
  scored.inputs = slice(tokens, index * window, window - 1);
  const bool second_half = protocol.kind == Protocol::Kind::kSecondHalf;
  const size_t first_target = second_half ? window / 2 + 1 : 1;
  scored.targets = slice(tokens, index * window + first_target, window - first_target);
  // llama.cpp overwrites the first token of each window where the vocabulary wants BOS.
  if (second_half && tokenizer.adds_bos()) scored.inputs.front() = tokenizer.bos();
  return scored;
}

}  // namespace evalharness
