// Attention of the CPU backend: tiles of queries of one key-value head go over blocks of keys with an online softmax
// (M. Milakov and N. Gimelshein, arXiv:1805.02867; T. Dao et al., FlashAttention, arXiv:2205.14135, algorithm 1), so that
// no [tokens, tokens] buffer exists. In the cache's type: float32, or bfloat16 products summed in float32.
#pragma once

#include "harness/backend/bound_linear.h"
#include "harness/backend/cpu_cache.h"

namespace evalharness {

// The keys and values of the segments are in the cache already. q and out are [tokens, heads * head_dim].
void attend(const CpuOptions& options, MatrixView q, std::span<const Segment> segments, const AttentionShape& shape,
            size_t layer, CpuKvCache& cache, MutableMatrixView out);

}  // namespace evalharness
