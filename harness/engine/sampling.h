// One token drawn from a model's logits, as Hugging Face's generate() does with do_sample: temperature, then top_k, then
// top_p.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace evalharness {

struct SamplingRule {
  double temperature = 1;  // > 0
  size_t top_k = 0;        // the likeliest so many, and what ties with the last of them; 0: all
  double top_p = 1;        // of those the fewest that hold this much probability
};

// `uniform` in [0, 1): its place in the cumulative probabilities, the likeliest token first and the lowest id first on
// ties. A row with a NaN gives token 0.
int32_t sample_token(std::span<const float> logits, const SamplingRule& rule, double uniform);

}  // namespace evalharness
