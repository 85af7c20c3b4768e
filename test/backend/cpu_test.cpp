// The CPU backend's ops against plain references in double, for each instruction set of this machine.
#include <catch2/catch.hpp>

#include <cmath>

#include "harness/backend/backend.h"
#include "harness/base/parallel.h"
#include "harness/math/convert.h"
#include "harness/math/float16.h"
#include "test/support/isas.h"
#include "test/support/larger.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

std::unique_ptr<Backend> cpu(Isa isa) { return make_cpu_backend({.isa = isa}); }

// Attention of one sequence whose first `past` tokens are already there, as the formula says it.
Matrix plain_attention(const Matrix& q, const Matrix& k, const Matrix& v, const AttentionShape& s, size_t past) {
  Matrix out(q.rows(), s.heads * s.head_dim);
  for (size_t t = 0; t < q.rows(); ++t) {
    for (size_t h = 0; h < s.heads; ++h) {
      const size_t g = h / (s.heads / s.kv_heads);
      std::vector<double> p;
      double sum = 0;
      for (size_t key = 0; key <= past + t; ++key) {
        double dot = 0;
        for (size_t d = 0; d < s.head_dim; ++d)
          dot += double(q(t, h * s.head_dim + d)) * double(k(key, g * s.head_dim + d));
        p.push_back(std::exp(dot / std::sqrt(double(s.head_dim))));
        sum += p.back();
      }
      for (size_t d = 0; d < s.head_dim; ++d) {
        double value = 0;
        for (size_t key = 0; key < p.size(); ++key) value += p[key] / sum * double(v(key, g * s.head_dim + d));
        out(t, h * s.head_dim + d) = static_cast<float>(value);
      }
    }
  }
  return out;
}

double largest_difference(const Matrix& a, const Matrix& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = test::larger(largest, std::abs(double(a.values()[i]) - double(b.values()[i])));
  return largest;
}

}  // namespace

TEST_CASE("rms norm divides by the root of the mean square", "[backend]") {
  for (const Isa isa : isas()) {
    const Matrix x(1, 2, {3, 4});  // mean square 12.5
    Matrix y(1, 2);
    cpu(isa)->rms_norm(x.view(), std::vector<float>{1, 2}, 0, y.view());
    CHECK(y(0, 0) == Approx(3 / std::sqrt(12.5)));
    CHECK(y(0, 1) == Approx(8 / std::sqrt(12.5)));
  }
}

TEST_CASE("silu gate is gate / (1 + exp(-gate)) * up, also where exp overflows", "[backend]") {
  for (const Isa isa : isas()) {
    Matrix gate(1, 19), up(1, 19);
    for (size_t j = 0; j < 19; ++j) {
      gate(0, j) = (static_cast<float>(j) - 9) * 12;
      up(0, j) = static_cast<float>(j) + 1;
    }
    const Matrix before = gate;
    cpu(isa)->silu_gate(gate.view(), up.view());
    for (size_t j = 0; j < 19; ++j) {
      const double g = double(before(0, j));
      CHECK(double(gate(0, j)) == Approx(g / (1 + std::exp(-g)) * double(up(0, j))).margin(1e-30).epsilon(1e-6));
    }
  }
}

TEST_CASE("rope turns pairs half a head apart by the table's angles", "[backend]") {
  const RopeTable quarter_turn{Matrix(1, 1, {0.0f}), Matrix(1, 1, {1.0f})};
  for (const Isa isa : isas()) {
    Matrix x(1, 4, {1, 2, 3, 4});  // two heads of two
    cpu(isa)->rope(x.view(), std::vector<int32_t>{0}, quarter_turn, 2);
    CHECK(x == Matrix(1, 4, {-2, 1, -4, 3}));
  }
}

namespace {

Matrix rounded(Matrix x) {
  round_to_bfloat16(x.values(), x.values().data());
  return x;
}

// One pass of `tokens` tokens through an empty cache of this type.
Matrix attended(Isa isa, const AttentionShape& s, Dtype dtype, const Matrix& q, const Matrix& k, const Matrix& v) {
  const auto backend = cpu(isa);
  const size_t capacity[] = {q.rows()};
  const auto cache = backend->make_cache(s, 1, capacity, dtype);
  const Segment segment[] = {{0, q.rows(), 0}};
  Matrix out(q.rows(), s.heads * s.head_dim);
  backend->attention(q.view(), k.view(), v.view(), segment, s, 0, *cache, out.view());
  return out;
}

}  // namespace

TEST_CASE("attention equals softmax(q k / sqrt(d)) v, for ragged lengths, groups and head sizes", "[backend]") {
  const AttentionShape shapes[] = {{4, 2, 4}, {9, 3, 64}, {2, 2, 20}, {3, 1, 80}};
  for (const AttentionShape& s : shapes) {
    for (const size_t tokens : {1, 31, 33, 64, 65, 150}) {
      const Matrix q = random_matrix(tokens, s.heads * s.head_dim, 1);
      const Matrix k = random_matrix(tokens, s.kv_heads * s.head_dim, 2), v = random_matrix(tokens, s.kv_heads * s.head_dim, 3);
      const Matrix expected = plain_attention(q, k, v, s, 0);
      for (const Isa isa : isas()) {
        CAPTURE(isa_name(isa), s.heads, s.head_dim, tokens);
        CHECK(largest_difference(attended(isa, s, Dtype::f32, q, k, v), expected) < 2e-6);
      }
    }
  }
}

TEST_CASE("attention over a bf16 cache is within bfloat16's rounding of the formula, over an f16 cache of rounded keys", "[backend]") {
  const auto halves = [](Matrix x) {
    for (float& value : x.values()) value = from_float16(to_float16(value));
    return x;
  };
  for (const AttentionShape& s : {AttentionShape{4, 2, 4}, {9, 3, 64}, {3, 1, 80}}) {
    for (const size_t tokens : {1, 65, 300}) {
      const Matrix q = random_matrix(tokens, s.heads * s.head_dim, 1);
      // Values of both types, so that one truth does for both.
      const Matrix k = halves(rounded(random_matrix(tokens, s.kv_heads * s.head_dim, 2)));
      const Matrix v = halves(rounded(random_matrix(tokens, s.kv_heads * s.head_dim, 3)));
      const Matrix expected = plain_attention(q, k, v, s, 0);
      const Matrix unrounded = random_matrix(tokens, s.kv_heads * s.head_dim, 3);
      for (const Isa isa : isas()) {
        CAPTURE(isa_name(isa), s.heads, s.head_dim, tokens);
        // A query and a weight are each off by 2^-9 of themselves at most: scores of up to 5 by 0.01, sums likewise.
        CHECK(largest_difference(attended(isa, s, Dtype::bf16, q, k, v), expected) < 0.03);
        CHECK(largest_difference(attended(isa, s, Dtype::f16, q, k, v), expected) < 1e-5);
        CHECK(attended(isa, s, Dtype::f16, q, unrounded, unrounded) == attended(isa, s, Dtype::f16, q, halves(unrounded), halves(unrounded)));
      }
    }
  }
}

TEST_CASE("a bf16 cache weighs equal keys equally and a far one not at all", "[backend]") {
  const AttentionShape s{1, 1, 4};
  for (const Isa isa : isas()) {
    // Scores q k / 2: 0, 0, -100; so the third token sees the first two only.
    const Matrix q(3, 4, {1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}), k(3, 4, {0, 1, 0, 0, 0, 0, 1, 0, -200, 0, 0, 0});
    const Matrix v(3, 4, {4, 0, 1, 0, 8, 0, 1, 0, 100, 0, 100, 0});
    CHECK(attended(isa, s, Dtype::bf16, q, k, v) == Matrix(3, 4, {4, 0, 1, 0, 6, 0, 1, 0, 6, 0, 1, 0}));
  }
}

TEST_CASE("NaN that a sequence left in the cache does not reach the next one", "[backend]") {
  const AttentionShape s{1, 1, 4};
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::f16}) {
    const auto backend = cpu(best_isa());
    const size_t capacity[] = {70};
    const auto cache = backend->make_cache(s, 1, capacity, dtype);
    Matrix q(70, 4), k(70, 4), v(70, 4), out(70, 4);
    for (float& x : v.values()) x = std::nanf("");
    const Segment whole[] = {{0, 70, 0}};
    backend->attention(q.view(), k.view(), v.view(), whole, s, 0, *cache, out.view());
    CHECK(std::isnan(out(0, 0)));
    cache->set_length(0, 0);
    for (float& x : v.values()) x = 1;
    const Segment part[] = {{0, 5, 0}};
    backend->attention(q.view(), k.view(), v.view(), part, s, 0, *cache, out.view());
    CHECK(out(4, 0) == 1);
  }
}

TEST_CASE("attention behind a cache sees what one pass would have seen, and sequences do not mix", "[backend]") {
  const AttentionShape s{4, 2, 8};
  const size_t total = 100, past = 70;
  const Matrix q = random_matrix(total, 32, 1), k = random_matrix(total, 16, 2), v = random_matrix(total, 16, 3);
  const Matrix expected = plain_attention(q, k, v, s, 0);
  for (const Isa isa : isas()) {
    const auto backend = cpu(isa);
    const size_t capacities[] = {total, total};
    const auto cache = backend->make_cache(s, 2, capacities, Dtype::f32);
    Matrix out(total, 32);
    for (const size_t layer : {0, 1}) {
      // Sequence 1 takes the first tokens, then the rest in the same batch as a first token of sequence 0.
      cache->set_length(1, 0);
      const Segment first[] = {{0, past, 1}};
      backend->attention(q.view(), k.view(), v.view(), first, s, layer, *cache, out.view());
      cache->set_length(1, past);
      const Segment rest[] = {{0, 1, 0}, {past, total - past, 1}};
      Matrix second(total, 32);
      backend->attention(q.view(), k.view(), v.view(), rest, s, layer, *cache, second.view());
      for (size_t t = past; t < total; ++t)
        for (size_t j = 0; j < 32; ++j) CHECK(second(t, j) == Approx(expected(t, j)).margin(2e-6));
      for (size_t j = 0; j < 32; ++j) CHECK(second(0, j) == Approx(expected(0, j)).margin(2e-6));
    }
  }
}

TEST_CASE("a sequence that takes over another's first tokens sees them and its own, whole blocks or not", "[backend]") {
  const AttentionShape s{4, 2, 8};
  for (const Isa isa : isas()) {
    for (const auto& [shared, dtype] : {std::pair{3, Dtype::f32}, {64, Dtype::f32}, {100, Dtype::f32}, {3, Dtype::bf16}, {100, Dtype::bf16}, {3, Dtype::f16}, {100, Dtype::f16}}) {
      CAPTURE(isa_name(isa), shared, dtype_name(dtype));
      const size_t total = size_t(shared) + 70, own = size_t(shared);
      const Matrix q = random_matrix(total, 32, 1), k = random_matrix(total, 16, 2), v = random_matrix(total, 16, 3);
      const auto backend = cpu(isa);
      const size_t capacities[] = {total, total, own};
      const auto cache = backend->make_cache(s, 1, capacities, dtype);
      for (const size_t behind : {0, 1}) cache->set_length(behind, own);
      // Rows: the first ones, then those of two that go on alike.
      Matrix all_q(own + 140, 32), all_k(own + 140, 16), all_v(own + 140, 16), out(own + 140, 32);
      for (size_t t = 0; t < own + 140; ++t) {
        const size_t from = t < total ? t : t - 70;
        std::ranges::copy(q.row(from), all_q.row(t).begin());
        std::ranges::copy(k.row(from), all_k.row(t).begin());
        std::ranges::copy(v.row(from), all_v.row(t).begin());
      }
      const Segment segments[] = {{0, own, 2}, {own, 70, 0, 2, own}, {total, 70, 1, 2, own}};
      backend->attention(all_q.view(), all_k.view(), all_v.view(), segments, s, 0, *cache, out.view());
      // What one pass over the whole sequence gives; blocks of the softmax are the same ones.
      const Matrix expected = dtype == Dtype::f32 ? plain_attention(q, k, v, s, 0) : attended(isa, s, dtype, q, k, v);
      double largest = 0;
      for (size_t t = 0; t < own + 140; ++t)
        for (size_t j = 0; j < 32; ++j)
          largest = test::larger(largest, std::abs(double(out(t, j)) - double(expected(t < total ? t : t - 70, j))));
      CHECK(largest < 2e-6);
    }
  }
}

TEST_CASE("a child reads its forebears' keys in their place, in the same batch or behind it", "[backend]") {
  const AttentionShape s{4, 2, 8};
  const size_t total = 400;
  const Matrix q = random_matrix(total, 32, 1), k = random_matrix(total, 16, 2), v = random_matrix(total, 16, 3);
  const Matrix plain = plain_attention(q, k, v, s, 0);
  for (const Isa isa : isas()) {
    for (const Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::f16}) {
      // Where the child leaves the header, and the grandchild the child: within a block, at its end, in the same block.
      for (const auto& [first, second] : {std::pair<size_t, size_t>{3, 7}, {64, 128}, {100, 110}, {130, 300}, {320, 321}}) {
        CAPTURE(isa_name(isa), dtype_name(dtype), first, second);
        const auto backend = cpu(isa);
        const auto cache = backend->make_cache(s, 1, {}, dtype);
        // The parents hold more than the children share.
        cache->add({.capacity = first + 5});
        cache->add({.capacity = second + 70, .parent = 0, .shared = first});
        cache->add({.capacity = total, .parent = 1, .shared = second});
        CHECK(cache->length(2) == second);
        const size_t rows = first + 5 + second + 70 - first + total - second;
        Matrix all_q(rows, 32), all_k(rows, 16), all_v(rows, 16), out(rows, 32);
        std::vector<size_t> position(rows);
        const Segment segments[] = {{0, first + 5, 0}, {first + 5, second + 70 - first, 1}, {second + 75, total - second - 1, 2}};
        const Segment last[] = {{rows - 1, 1, 2}};
        for (const auto& [segment, begin] : {std::pair{segments[0], size_t{0}}, {segments[1], first}, {segments[2], second}, {last[0], total - 1}})
          for (size_t i = 0; i < segment.count; ++i) {
            // Behind what is shared the parents' keys are others.
            const bool own = segment.sequence == 2 || begin + i < (segment.sequence == 0 ? first : second);
            const size_t row = segment.first + i, from = begin + i;
            position[row] = own ? from : SIZE_MAX;
            std::ranges::copy(q.row(from), all_q.row(row).begin());
            std::ranges::copy(k.row(own ? from : total - 1), all_k.row(row).begin());
            std::ranges::copy(v.row(own ? from : total - 1), all_v.row(row).begin());
          }
        backend->attention(all_q.view(), all_k.view(), all_v.view(), segments, s, 0, *cache, out.view());
        cache->set_length(2, total - 1);
        backend->attention(all_q.view(), all_k.view(), all_v.view(), last, s, 0, *cache, out.view());
        double largest = 0;
        for (size_t row = 0; row < rows; ++row)
          for (size_t j = 0; j < 32 && position[row] != SIZE_MAX; ++j)
            largest = test::larger(largest, std::abs(double(out(row, j)) - double(plain(position[row], j))));
        CHECK(largest < (dtype == Dtype::f32 ? 2e-6 : dtype == Dtype::f16 ? 1e-3 : 0.03));
      }
    }
  }
}

TEST_CASE("the head gives log-softmax of the target and the lowest id among the most likely", "[backend]") {
  for (const Isa isa : isas()) {
    const auto backend = cpu(isa);
    const size_t vocab = 5000;
    Matrix w = random_matrix(vocab, 16, 5);
    for (size_t j = 0; j < 16; ++j) w(4321, j) = w(17, j) = 3 * w(17, j);  // a tie at the top for x = w(17)
    const LinearPtr op = make_dense(w.view(), Dtype::f32);
    const auto bound = backend->bind(*op);
    Matrix x = random_matrix(3, 16, 6);
    std::ranges::copy(w.row(17), x.row(1).begin());
    std::vector<TokenScore> scores(3);
    const std::vector<int32_t> targets = {4999, 4321, -1};
    backend->head(x.view(), *bound, targets, scores);
    for (size_t i = 0; i < 3; ++i) {
      std::vector<double> logits(vocab);
      double sum = 0;
      for (size_t o = 0; o < vocab; ++o) {
        for (size_t j = 0; j < 16; ++j) logits[o] += double(x(i, j)) * double(w(o, j));
        sum += std::exp(logits[o]);
      }
      const auto best = static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
      CHECK(scores[i].best == static_cast<int32_t>(best));
      CHECK(double(scores[i].best_log_prob) == Approx(logits[best] - std::log(sum)).margin(2e-5));
      if (targets[i] >= 0)
        CHECK(double(scores[i].log_prob) == Approx(logits[static_cast<size_t>(targets[i])] - std::log(sum)).margin(2e-5));
    }
    CHECK(scores[1].best == 17);
  }
}

TEST_CASE("a NaN among the activations comes out as NaN, not as a number", "[backend]") {
  const auto backend = cpu(best_isa());
  const LinearPtr op = make_dense(random_matrix(100, 16, 5).view(), Dtype::f32);
  const auto bound = backend->bind(*op);
  Matrix x(1, 16);
  x(0, 3) = std::nanf("");
  std::vector<TokenScore> scores(1);
  backend->head(x.view(), *bound, std::vector<int32_t>{7}, scores);
  CHECK(std::isnan(scores[0].log_prob));
}
