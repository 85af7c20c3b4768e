#include "harness/measure/library_gemm.h"

#include <cblas.h>
#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <vector>

#include "harness/base/parallel.h"

namespace evalharness {
namespace {

using dnnl::memory;

// What one thread multiplies.
struct Part {
  GemmSlice tokens, outputs;
  size_t rows() const { return tokens.last - tokens.first; }
  size_t columns() const { return outputs.last - outputs.first; }
};

std::vector<Part> parts_of(size_t tokens, size_t out, GemmSplit split) {
  const size_t threads = thread_count();
  std::vector<Part> parts;
  for (size_t i = 0; i < threads; ++i) {
    const bool by_tokens = split == GemmSplit::tokens;
    const Part part = {by_tokens ? gemm_slice(tokens, i, threads) : GemmSlice{0, tokens},
                       by_tokens ? GemmSlice{0, out} : gemm_slice(out, i, threads)};
    if (part.rows() != 0 && part.columns() != 0) parts.push_back(part);
  }
  return parts;
}

memory::desc row_major(size_t rows, size_t cols, memory::data_type type) {
  return {{static_cast<memory::dim>(rows), static_cast<memory::dim>(cols)},
          type,
          memory::format_tag::ab};
}

// One thread's product, with memory of its own.
class OnednnPart {
 public:
  OnednnPart(MatrixView x, MatrixView w, Dtype dtype)
      : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    const auto type = dtype == Dtype::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
    const memory::dim in = static_cast<memory::dim>(x.cols), out = static_cast<memory::dim>(w.rows);
    const memory::desc x_form = row_major(x.rows, x.cols, type);
    const memory::desc y_form = row_major(x.rows, w.rows, memory::data_type::f32);
    const memory::desc w_any({in, out}, type, memory::format_tag::any);
    const auto description = describe(x_form, w_any, y_form);
    x_ = converted(x, x_form, memory::format_tag::ab);
    w_ = converted(w, description.weights_desc(), memory::format_tag::ba);  // rows are outputs
    y_ = memory(y_form, engine_);
    product_ = dnnl::matmul(description);
  }

  void run() {
    omp_set_num_threads(1);  // of this thread only: each has a part
    product_.execute(stream_, {{DNNL_ARG_SRC, x_}, {DNNL_ARG_WEIGHTS, w_}, {DNNL_ARG_DST, y_}});
    stream_.wait();
  }
  const float* y() const { return static_cast<const float*>(y_.get_data_handle()); }

 private:
  dnnl::matmul::primitive_desc describe(const memory::desc& x, const memory::desc& w,
                                        const memory::desc& y) const {
#if DNNL_VERSION_MAJOR >= 3
    return {engine_, x, w, y};
#else
    return {dnnl::matmul::desc(x, w, y), engine_};
#endif
  }

  // The matrix in another type and layout; `tag` says how its rows lie in dimensions [in, out].
  memory converted(MatrixView from, const memory::desc& to, memory::format_tag tag) {
    const bool as_rows = tag == memory::format_tag::ab;
    const memory::dim rows = static_cast<memory::dim>(from.rows);
    const memory::dim cols = static_cast<memory::dim>(from.cols);
    memory plain({as_rows ? memory::dims{rows, cols} : memory::dims{cols, rows},
                  memory::data_type::f32, tag},
                 engine_);
    float* const values = static_cast<float*>(plain.get_data_handle());
    for (size_t i = 0; i < from.rows; ++i) {
      std::copy_n(from.row(i).data(), from.cols, values + i * from.cols);
    }
    memory result(to, engine_);
    dnnl::reorder(plain, result).execute(stream_, plain, result);
    stream_.wait();
    return result;
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  memory x_, w_, y_;
  dnnl::matmul product_;
};

// Rows of `from` in a slice.
MatrixView slice(MatrixView from, GemmSlice rows) {
  return from.rows_from(rows.first, rows.last - rows.first);
}

void place(const float* values, const Part& part, Matrix& y) {
  for (size_t i = 0; i < part.rows(); ++i) {
    std::copy_n(values + i * part.columns(), part.columns(),
                y.row(part.tokens.first + i).data() + part.outputs.first);
  }
}

class OnednnGemm final : public LibraryGemm {
 public:
  OnednnGemm(MatrixView x, MatrixView w, Dtype dtype, GemmSplit split)
      : tokens_(x.rows), out_(w.rows), parts_(parts_of(x.rows, w.rows, split)) {
    for (const Part& part : parts_) {
      products_.emplace_back(slice(x, part.tokens), slice(w, part.outputs), dtype);
    }
  }
  void run() override {
    parallel_for(products_.size(), [&](size_t i) { products_[i].run(); });
  }
  Matrix result() const override {
    Matrix y(tokens_, out_);
    for (size_t i = 0; i < parts_.size(); ++i) place(products_[i].y(), parts_[i], y);
    return y;
  }

 private:
  size_t tokens_, out_;
  std::vector<Part> parts_;
  std::vector<OnednnPart> products_;
};

class OpenblasGemm final : public LibraryGemm {
 public:
  OpenblasGemm(MatrixView x, MatrixView w, GemmSplit split)
      : tokens_(x.rows),
        in_(x.cols),
        out_(w.rows),
        parts_(parts_of(x.rows, w.rows, split)),
        x_(x.rows, x.cols),
        w_transposed_(w.cols, w.rows) {
    openblas_set_num_threads(1);
    for (size_t i = 0; i < x.rows; ++i) std::copy_n(x.row(i).data(), in_, x_.row(i).data());
    for (size_t i = 0; i < w.rows; ++i) {
      for (size_t j = 0; j < in_; ++j) w_transposed_(j, i) = w(i, j);
    }
    for (const Part& part : parts_) y_.emplace_back(part.rows(), part.columns());
  }
  void run() override {
    parallel_for(parts_.size(), [&](size_t i) { multiply(parts_[i], y_[i]); });
  }
  Matrix result() const override {
    Matrix y(tokens_, out_);
    for (size_t i = 0; i < parts_.size(); ++i) place(y_[i].values().data(), parts_[i], y);
    return y;
  }

 private:
  void multiply(const Part& part, Matrix& y) const {
    const auto size = [](size_t n) { return static_cast<blasint>(n); };
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size(part.rows()), size(part.columns()),
                size(in_), 1.0f, x_.row(part.tokens.first).data(), size(in_),
                w_transposed_.values().data() + part.outputs.first, size(out_), 0.0f,
                y.values().data(), size(part.columns()));
  }

  size_t tokens_, in_, out_;
  std::vector<Part> parts_;
  Matrix x_, w_transposed_;
  std::vector<Matrix> y_;
};

}  // namespace

std::unique_ptr<LibraryGemm> make_onednn_gemm(MatrixView x, MatrixView w, Dtype dtype,
                                              GemmSplit split) {
  return std::make_unique<OnednnGemm>(x, w, dtype, split);
}

std::unique_ptr<LibraryGemm> make_openblas_gemm(MatrixView x, MatrixView w, GemmSplit split) {
  return std::make_unique<OpenblasGemm>(x, w, split);
}

GemmSlice gemm_slice(size_t n, size_t i, size_t threads) {
  constexpr size_t kGrain = 16;
  const size_t grains = (n + kGrain - 1) / kGrain;
  return {std::min(n, grains * i / threads * kGrain),
          std::min(n, grains * (i + 1) / threads * kGrain)};
}

}  // namespace evalharness
