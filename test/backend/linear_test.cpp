// Every registered format on every instruction set of this machine multiplies like its to_dense().
#include <cblas.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <map>

#include "harness/backend/bound_linear.h"
#include "harness/backend/kernels/expand_multiply.h"
#include "harness/base/parallel.h"
#include "harness/math/bfloat16.h"
#include "harness/ops/chain.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/quantised_input.h"
#include "harness/ops/scaled_input.h"
#include "harness/ops/sparse_bitmask.h"
#include "test/support/isas.h"
#include "test/support/larger.h"
#include "test/support/tiny_model.h"
#include "test/support/weight_cases.h"

using namespace evalharness;

namespace {

Matrix random_inputs(size_t tokens, size_t in) { return random_matrix(tokens, in, tokens * 1009 + in); }

bool is_bf16(const LinearOp& op) { return op.format().ends_with(".bf16"); }

// Its activations are rounded to integers, which bfloat16 holds exactly.
bool quantises(const LinearOp& op) { return op.format().starts_with("quantised_input"); }

// Between the parts of a combinator inputs are rounded to bfloat16: a share of 2^-9 each, twice in a chain. Kernels that multiply codes in
// place round inputs to 2^-16 of the largest one near them.
double tolerance(const LinearOp& op, const std::string& kernel) {
  const bool rounds_between = !op.children().empty() && !quantises(op) && op.format().find("bf16") != std::string::npos;
  if (rounds_between) return 4e-3;
  return kernel.ends_with("in place") ? 0x1p-15 : 1e-5;
}

// x w^T in double, by OpenBLAS.
class Expected {
 public:
  Expected(const Matrix& x, const Matrix& w)
      : products_(x.rows() * w.rows()), x_norms_(norms(x)), w_norms_(norms(w)) {
    const std::vector<double> a(x.values().begin(), x.values().end()), b(w.values().begin(), w.values().end());
    const int rows = static_cast<int>(x.rows()), cols = static_cast<int>(w.rows()), depth = static_cast<int>(x.cols());
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, cols, depth, 1, a.data(), depth, b.data(), depth, 0, products_.data(), cols);
  }

  // The largest error, relative to |x| |w| of the row and the output: what summing in float32 may lose.
  double largest_error(const Matrix& y) const {
    double largest = 0;
    for (size_t i = 0; i < y.rows(); ++i)
      for (size_t j = 0; j < y.cols(); ++j)
        largest = test::larger(largest, std::abs(static_cast<double>(y(i, j)) - products_[i * y.cols() + j]) / (x_norms_[i] * w_norms_[j] + 1e-30));
    return largest;
  }

 private:
  static std::vector<double> norms(const Matrix& m) {
    std::vector<double> of_rows;
    for (size_t i = 0; i < m.rows(); ++i) {
      double squares = 0;
      for (const float value : m.row(i)) squares += static_cast<double>(value) * static_cast<double>(value);
      of_rows.push_back(std::sqrt(squares));
    }
    return of_rows;
  }
  std::vector<double> products_, x_norms_, w_norms_;
};

Matrix rounded_to_bf16(Matrix m) {
  for (float& value : m.values()) value = round_to_bfloat16(value);
  return m;
}

// Integer weights that are decoded to bfloat16 multiply as their rounded values; kernels that look
// codes up in registers, and float32, multiply to_dense() itself.
bool rounds_weight(const std::string& kernel) {
  return (kernel.starts_with("int") || kernel.starts_with("sparse.bitmask.int") || kernel.starts_with("quantised_input(int4")) && kernel.find(".bf16 ") != std::string::npos &&
         kernel.find("unpack") != std::string::npos;
}

Matrix forward(const BoundLinear& linear, const Matrix& x) {
  Matrix y(x.rows(), linear.out());
  linear.forward(x.view(), y.view());
  return y;
}

std::vector<CpuOptions> all_options() {
  std::vector<CpuOptions> options;
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512bf16, Isa::amx}) {
    if (!has_isa(isa)) continue;
    options.push_back({.isa = isa, .gemm = GemmLibrary::fastest});
    if (isa == best_isa()) options.push_back({.isa = isa, .gemm = GemmLibrary::onednn});
    if (isa == best_isa()) options.push_back({.isa = isa, .gemm = GemmLibrary::openblas});
  }
  return options;
}

struct ThreadsForThisScope {
  explicit ThreadsForThisScope(size_t threads) : before(thread_count()) {
    set_thread_count(threads);
  }
  ~ThreadsForThisScope() { set_thread_count(before); }
  size_t before;
};

LinearPtr load_copy(const LinearOp& op) {
  MemoryTensors tensors;
  op.save(tensors);
  return load_linear(op.format(), op.out(), op.in(), tensors);
}

template <class Check>
void for_every_case(const Check& check) {
  for (const std::string& format : test::format_names()) {
    for (const size_t out : {1, 63, 64, 65, 130}) {
      for (const size_t in : {16, 33, 100, 576}) {
        const LinearOp* const op = test::weight_or_null(format, out, in);
        if (op != nullptr) check(*op);
      }
    }
  }
}

// Where the regime of many tokens begins later than the counts that every machine tries, it is tried too.
std::vector<size_t> token_counts() {
  std::vector<size_t> counts = {1, 2, 7, 8, 9, 33};
  const size_t few = few_tokens(GemmLibrary::fastest, best_isa(), true);
  if (few >= 33 && few != SIZE_MAX) counts.insert(counts.end(), {few + 1, 2 * few + 2});
  return counts;
}

}  // namespace

TEST_CASE("forward is x * to_dense()^T on every instruction set", "[backend][contract]") {
  for_every_case([](const LinearOp& op) {
    const Matrix w = op.to_dense();
    std::vector<std::unique_ptr<BoundLinear>> bound;
    for (const CpuOptions& options : all_options()) {
      bound.push_back(bind_cpu(op, options));
      REQUIRE(static_cast<double>(bound.back()->resident_bytes()) <= 1.1 * static_cast<double>(op.bytes()));
    }
    for (const size_t tokens : token_counts()) {
      const Matrix x = random_inputs(tokens, op.in());
      const Matrix seen = quantises(op) ? op.child_input(0, x.view(), nullptr) : is_bf16(op) ? rounded_to_bf16(x) : x;
      std::map<bool, Expected> expected;  // whether the weight is rounded
      for (const auto& linear : bound) {
        INFO(linear->kernel(tokens) << " [" << op.out() << ", " << op.in() << "] x " << tokens);
        const bool rounds = rounds_weight(linear->kernel(tokens));
        const auto of_weight = expected.try_emplace(rounds, seen, rounds ? rounded_to_bf16(w) : w).first;
        REQUIRE(of_weight->second.largest_error(forward(*linear, x)) < tolerance(op, linear->kernel(tokens)));
      }
    }
  });
}

TEST_CASE("a combinator's outputs are the sum of its last children's, each of its own input", "[backend][contract]") {
  for_every_case([](const LinearOp& op) {
    if (op.children().empty() || quantises(op)) return;
    for (const CpuOptions& options : all_options()) {
      const Multiply multiply = [&](const LinearOp& child, MatrixView x) {
        Matrix y(x.rows, child.out());
        bind_cpu(child, options)->forward(x, y.view());
        return y;
      };
      for (const size_t tokens : {1, 9, 33}) {
        const auto linear = bind_cpu(op, options);
        INFO(linear->kernel(tokens) << " [" << op.out() << ", " << op.in() << "] x " << tokens);
        const Matrix x = random_inputs(tokens, op.in());
        Matrix expected(tokens, op.out());
        for (size_t i = op.format().starts_with("sum(") ? 0 : op.children().size() - 1; i < op.children().size(); ++i) {
          const Matrix y = multiply(*op.children()[i], op.child_input(i, x.view(), multiply).view());
          for (size_t k = 0; k < y.size(); ++k) expected.values()[k] += y.values()[k];
        }
        REQUIRE(forward(*linear, x) == expected);
      }
    }
  });
}

TEST_CASE("a slice has the bytes of the same columns of the whole", "[backend][contract]") {
  for (const std::string& format : test::format_names()) {
    const LinearOp* const op = test::weight_or_null(format, 200, 576);
    REQUIRE(op != nullptr);
    for (const CpuOptions& options : all_options()) {
      const auto linear = bind_cpu(*op, options);
      for (const size_t tokens : {1, 5, 40}) {
        INFO(linear->kernel(tokens));
        const Matrix x = random_inputs(tokens, op->in());
        const Matrix whole = forward(*linear, x);
        Matrix slice(tokens, 72);
        linear->forward_slice(x.view(), 128, 72, slice.view());
        for (size_t i = 0; i < tokens; ++i) {
          REQUIRE(std::memcmp(slice.row(i).data(), whole.row(i).data() + 128, 72 * 4) == 0);
        }
      }
    }
  }
}

TEST_CASE("one thread and three threads give the same bytes", "[backend][contract]") {
  for (const std::string& format : test::format_names()) {
    const LinearOp* const op = test::weight_or_null(format, 130, 576);
    const auto linear = bind_cpu(*op, {});
    for (const size_t tokens : {1, 8, 300}) {
      INFO(linear->kernel(tokens));
      const Matrix x = random_inputs(tokens, op->in());
      const auto with_threads = [&](size_t threads) {
        const ThreadsForThisScope scope(threads);
        return forward(*linear, x);
      };
      REQUIRE(with_threads(1) == with_threads(3));
    }
  }
}

TEST_CASE("a token's row does not depend on the other few tokens", "[backend][contract]") {
  for (const std::string& format : test::format_names()) {
    if (format.starts_with("quantised_input.tensor(")) continue;  // their scale is of all of them
    const LinearOp* const op = test::weight_or_null(format, 130, 576);
    for (const CpuOptions& options : all_options()) {
      const auto linear = bind_cpu(*op, options);
      const Matrix x = random_inputs(8, op->in());
      Matrix alone(x.rows(), op->out());
      for (size_t i = 0; i < x.rows(); ++i) linear->forward(x.view().rows_from(i, 1), alone.view().rows_from(i, 1));
      for (const size_t rows : {2, 3, 4, 5, 7, 8}) {
        INFO(linear->kernel(rows) << " x " << rows);
        Matrix together(rows, op->out());
        linear->forward(x.view().rows_from(0, rows), together.view());
        for (size_t i = 0; i < rows; ++i) REQUIRE(std::ranges::equal(alone.row(i), together.row(i)));
      }
    }
  }
}

TEST_CASE("2:4 executes half of its products where its kernel selects, all of them where it unpacks", "[backend]") {
  const LinearOp& op = *test::weight_or_null("sparse.2:4.bf16", 64, 576);
  const LinearPtr scaled = make_scaled_input(std::vector<float>(576, 2.0f), load_copy(op));
  for (const CpuOptions& options : all_options()) {
    const auto linear = bind_cpu(op, options);
    for (const size_t tokens : {1, 2, 3, 8, 9, 100}) {
      CAPTURE(linear->kernel(tokens), tokens);
      const double places = 2.0 * static_cast<double>(tokens) * 64 * 576;
      CHECK(cost_on(*linear, op, tokens).executed_flops == (linear->kernel(tokens).ends_with("select") ? places / 2 : places));
      CHECK(cost_on(*bind_cpu(*scaled, options), *scaled, tokens).executed_flops == cost_on(*linear, op, tokens).executed_flops);
    }
    if (options.isa == Isa::avx2) CHECK(linear->kernel(1).ends_with("select"));
    if (options.isa == Isa::scalar) CHECK_FALSE(linear->kernel(1).ends_with("select"));
  }
}

TEST_CASE("weights of one format and input multiply side by side what each does alone", "[backend][contract]") {
  size_t joined_formats = 0;
  for (const std::string& format : test::format_names()) {
    std::vector<const LinearOp*> ops;
    for (const size_t out : {128, 64, 70}) ops.push_back(test::weight_or_null(format, out, 320));
    for (const CpuOptions& options : all_options()) {
      std::vector<std::unique_ptr<BoundLinear>> alone;
      for (const LinearOp* op : ops) alone.push_back(bind_cpu(*op, options));
      const auto joined = alone[0]->join(std::vector<const BoundLinear*>{alone[1].get(), alone[2].get()});
      CAPTURE(format);
      // Trees run one by one, but for products of integers whose inputs are rounded alike.
      if (ops[0]->children().empty()) REQUIRE(joined != nullptr);
      if (joined == nullptr) continue;
      joined_formats += options.isa == best_isa() && options.gemm == GemmLibrary::fastest;
      REQUIRE(joined->out() == 262);
      const size_t bytes = alone[0]->resident_bytes() + alone[1]->resident_bytes() + alone[2]->resident_bytes();
      REQUIRE((joined->resident_bytes() <= bytes && joined->resident_bytes() + 2 * sizeof(float) >= bytes));  // a scale of inputs is held once
      for (const size_t tokens : {1, 8, 70}) {
        INFO(joined->kernel(tokens) << " x " << tokens);
        REQUIRE(joined->kernel(tokens) == alone[0]->kernel(tokens));
        const Matrix x = random_inputs(tokens, 320);
        const Matrix y = forward(*joined, x);
        Matrix slice(tokens, 134);
        joined->forward_slice(x.view(), 128, 134, slice.view());
        for (size_t i = 0; i < tokens; ++i) REQUIRE(std::memcmp(slice.row(i).data(), y.row(i).data() + 128, 134 * 4) == 0);
        const ThreadsForThisScope scope(3);
        REQUIRE(forward(*joined, x) == y);
        const Matrix seen = quantises(*ops[0]) ? ops[0]->child_input(0, x.view(), nullptr) : is_bf16(*ops[0]) ? rounded_to_bf16(x) : x;
        size_t column = 0;
        for (size_t part = 0; part < ops.size(); ++part) {
          const Matrix w = ops[part]->to_dense();
          const Matrix own(MatrixView(y.view()).columns(column, w.rows()));
          REQUIRE(Expected(seen, rounds_weight(joined->kernel(tokens)) ? rounded_to_bf16(w) : w).largest_error(own) < tolerance(*ops[part], joined->kernel(tokens)));
          column += w.rows();
        }
      }
    }
  }
  CHECK(joined_formats > 10);
}

TEST_CASE("weights that do not go together are not joined", "[backend]") {
  const auto bound = [](const std::string& format, size_t out, size_t in) { return bind_cpu(*test::weight_or_null(format, out, in), {}); };
  const auto join = [](const BoundLinear& a, const BoundLinear& b) { return a.join(std::vector<const BoundLinear*>{&b}) != nullptr; };
  const auto dense = bound("dense.bf16", 64, 576), ragged = bound("dense.bf16", 65, 576);
  CHECK(join(*dense, *ragged));
  CHECK_FALSE(join(*ragged, *dense));  // its last panel is not full
  CHECK_FALSE(join(*dense, *bound("dense.bf16", 64, 100)));
  CHECK_FALSE(join(*dense, *bound("dense.f32", 64, 576)));
  CHECK_FALSE(join(*dense, *bound("sparse.2:4.bf16", 64, 576)));
  const LinearOp& int8 = *test::weight_or_null("int8.row.sym.bf16", 64, 576);
  const LinearPtr by_token = make_quantised_input(load_copy(int8)), by_tensor = make_tensor_quantised_input(load_copy(int8)),
                  by_half = make_static_quantised_input(0.5f, load_copy(int8)), by_quarter = make_static_quantised_input(0.25f, load_copy(int8));
  const auto token = bind_cpu(*by_token, {}), tensor = bind_cpu(*by_tensor, {}), half = bind_cpu(*by_half, {}), again = bind_cpu(*by_half, {}),
             quarter = bind_cpu(*by_quarter, {});
  CHECK(join(*token, *token));
  CHECK(join(*half, *again));
  CHECK_FALSE(join(*half, *quarter));
  CHECK_FALSE(join(*token, *tensor));
  // Nor on other kernels.
  const auto scalar = bind_cpu(*test::weight_or_null("dense.bf16", 64, 576), {.isa = Isa::scalar}), int8_scalar = bind_cpu(*by_token, {.isa = Isa::scalar});
  CHECK(join(*dense, *scalar) == (best_isa() == Isa::scalar));
  CHECK(join(*token, *int8_scalar) == (best_isa() == Isa::scalar));
}

TEST_CASE("inputs and outputs may be views into wider matrices", "[backend]") {
  const LinearPtr op = make_dense(Matrix(2, 3, {1, 2, 3, 4, 5, 6}).view(), Dtype::f32);
  const auto linear = bind_cpu(*op, {});
  const Matrix x(2, 4, {1, 1, 1, 99, 1, 0, 2, 99});
  Matrix y(2, 3, {-1, -1, -1, -1, -1, -1});
  linear->forward({x.values().data(), 2, 3, 4}, {y.values().data(), 2, 2, 3});
  CHECK(y == Matrix(2, 3, {6, 15, -1, 7, 16, -1}));
}

TEST_CASE("kernel() of a mask over values names what runs for so many rows", "[backend]") {
  const Matrix w(64, 32);
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    const LinearPtr bitmask = make_sparse_bitmask(w.view(), dtype);
    for (const Isa isa : isas()) {
      INFO(dtype_name(dtype) << " " << isa_name(isa));
      const size_t most = std::min(most_expanded_rows(isa, dtype), few_tokens(GemmLibrary::fastest, isa, false));
      const auto linear = bind_cpu(*bitmask, {.isa = isa, .gemm = GemmLibrary::fastest});
      const std::string few = bitmask->format() + " few ";
      if (most == 1) CHECK(linear->kernel(1) == few + "avx2 in registers");
      if (most > 1 && dtype == Dtype::f32) CHECK(linear->kernel(most) == few + "avx512 in registers");
      if (most > 1 && dtype == Dtype::bf16) CHECK(linear->kernel(most) == few + "avx512bf16 in registers");
      if (isa == Isa::avx512 && dtype == Dtype::bf16) CHECK(most == 1);
      const std::string more = linear->kernel(most + 1);
      CHECK(more.find("in registers") == std::string::npos);
      if (isa >= Isa::avx2) CHECK(more.find(" expand ") != std::string::npos);
    }
  }
}

TEST_CASE("kernel() names what runs", "[backend]") {
  const Matrix w(64, 32);
  const LinearPtr f32 = make_dense(w.view(), Dtype::f32), bf16 = make_dense(w.view(), Dtype::bf16);
  const CpuOptions scalar{.isa = Isa::scalar, .gemm = GemmLibrary::onednn};
  CHECK(bind_cpu(*f32, scalar)->kernel(1) == "dense.f32 few scalar");
  CHECK(bind_cpu(*bf16, scalar)->kernel(512) == "dense.bf16 few scalar");
  CHECK(bind_cpu(*make_chain(make_dense(w.view(), Dtype::f32), make_dense(Matrix(9, 64).view(), Dtype::bf16)), scalar)
            ->kernel(1) == "chain(dense.f32 few scalar, dense.bf16 few scalar)");
  if (!has_isa(Isa::avx512bf16)) return;
  const CpuOptions fast{.isa = Isa::avx512bf16, .gemm = GemmLibrary::fastest};
  CHECK(bind_cpu(*f32, fast)->kernel(8) == "dense.f32 few avx512");
  CHECK(bind_cpu(*bf16, fast)->kernel(8) == "dense.bf16 few avx512bf16");
  CHECK(bind_cpu(*bf16, fast)->kernel(64) == "dense.bf16 few avx512bf16");
  CHECK(bind_cpu(*bf16, fast)->kernel(65) == "dense.bf16 many avx512bf16");
  CHECK(bind_cpu(*f32, fast)->kernel(65) == "dense.f32 many avx512");
  const CpuOptions onednn{.isa = Isa::avx512bf16, .gemm = GemmLibrary::onednn};
  CHECK(bind_cpu(*f32, onednn)->kernel(9) == "dense.f32 many onednn");
  const CpuOptions blas{.isa = Isa::avx512bf16, .gemm = GemmLibrary::openblas};
  CHECK(bind_cpu(*bf16, blas)->kernel(9) == "dense.bf16 many openblas f32");
}
