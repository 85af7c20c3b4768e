#include "harness/model/model_config.h"

#include <cmath>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

void check_positive(double value, const char* what, const std::string& where) {
  if (!std::isfinite(value) || value <= 0)
    fail(cat(where, ": expected ", what, " > 0, got ", value));
}

void check_sizes(const ModelConfig& config, const std::string& where) {
  const std::pair<const char*, size_t> sizes[] = {{"vocabulary", config.vocab},
                                                  {"hidden size", config.hidden},
                                                  {"intermediate size", config.intermediate},
                                                  {"layers", config.layers},
                                                  {"heads", config.heads},
                                                  {"key/value heads", config.kv_heads},
                                                  {"head dimension", config.head_dim},
                                                  {"context", config.context}};
  for (const auto& [what, size] : sizes)
    if (size < 1 || size > INT32_MAX)
      fail(cat(where, ": expected 1 <= ", what, " < 2^31, got ", size));
  if (config.heads % config.kv_heads != 0)
    fail(cat(where, ": ", config.heads, " heads cannot share ", config.kv_heads,
             " key/value heads"));
  if (config.head_dim % 2 != 0)
    fail(cat(where, ": expected an even head dimension, got ", config.head_dim));
}

void check_rope(const RopeConfig& rope, size_t head_dim, const std::string& where) {
  check_positive(rope.theta, "rope theta", where);
  check_positive(rope.factor, "rope factor", where);
  if (rope.dims % 2 != 0 || rope.dims > head_dim)
    fail(cat(where, ": expected an even number of rotated dimensions <= ", head_dim, ", got ",
             rope.dims));
  if (rope.scaling == "llama3") {
    check_positive(rope.low_freq_factor, "rope low_freq_factor", where);
    check_positive(rope.high_freq_factor - rope.low_freq_factor,
                   "rope high_freq_factor - low_freq_factor", where);
    check_positive(static_cast<double>(rope.original_context), "rope original context", where);
  }
  if (rope.scaling == "factors") {
    const size_t pairs = (rope.dims == 0 ? head_dim : rope.dims) / 2;
    if (rope.frequency_factors.size() != pairs)
      fail(cat(where, ": expected ", pairs, " rope factors, got ", rope.frequency_factors.size()));
    for (const float factor : rope.frequency_factors)
      check_positive(static_cast<double>(factor), "rope factors", where);
  }
}

void check_id(int32_t id, size_t vocab, const char* what, const std::string& where) {
  if (id < -1 || (id >= 0 && static_cast<size_t>(id) >= vocab))
    fail(cat(where, ": expected the ", what, " token to be below ", vocab, ", got ", id));
}

}  // namespace

void check_config(const ModelConfig& config, const std::string& where) {
  check_sizes(config, where);
  check_positive(config.norm_epsilon, "norm epsilon", where);
  check_rope(config.rope, config.head_dim, where);
  check_id(config.bos, config.vocab, "bos", where);
  check_id(config.eos, config.vocab, "eos", where);
  check_id(config.pad, config.vocab, "pad", where);
  for (const int32_t id : config.end_of_generation)
    check_id(id, config.vocab, "end-of-generation", where);
}

}  // namespace evalharness
