// A weight as it is stored: what is saved, counted and explained. The bytes are laid out so that
// CPU kernels multiply from them in place (one copy in memory); another backend repacks at bind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "harness/math/matrix.h"

namespace evalharness {

class TensorWriter;

// Of y[tokens, out] = x[tokens, in] * W^T.
struct Cost {
  double dense_flops = 0;       // 2 * tokens * in * out: what a dense layer would do
  double executed_flops = 0;    // what is really multiplied (an op knows no kernel: see BoundLinear::skipped_flops)
  double integer_flops = 0;     // of these, products of 8-bit integers: they have a roof of their own
  double effective_flops = 0;   // 2 * tokens * non-zeros
  double weight_bytes = 0;      // read once: codes, scales, masks
  double activation_bytes = 0;  // x and y, float32

  Cost& operator+=(const Cost& other);
  Cost& operator/=(double parts);
};

class LinearOp;
using LinearPtr = std::unique_ptr<const LinearOp>;
// y [tokens, op.out()] = x [tokens, op.in()] times `op`, by whatever can multiply.
using Multiply = std::function<Matrix(const LinearOp& op, MatrixView x)>;

// W [out, in]. Immutable after construction. A leaf stores values; a combinator ("chain(dense.bf16,
// int4.g64.bf16)") is an expression over other ops, and a weight is a tree of them.
class LinearOp {
 public:
  virtual ~LinearOp() = default;
  // "dense.f32", "dense.bf16", "sparse.bitmask.bf16", "sparse.2:4.bf16".
  virtual std::string format() const = 0;
  virtual size_t out() const = 0;
  virtual size_t in() const = 0;
  // The matrix that this weight stands for, exactly: the oracle of every test of a format.
  virtual Matrix to_dense() const = 0;
  // y[i, in] = W[ids[i], in]: a tied embedding reads rows.
  virtual void rows(std::span<const int32_t> ids, MutableMatrixView y) const = 0;
  virtual std::vector<const LinearOp*> children() const { return {}; }  // of a combinator
  // What a combinator multiplies child `child` by where it is itself multiplied by x [tokens, in].
  virtual Matrix child_input(size_t child, MatrixView x, const Multiply& multiply) const;
  // The same combinator over other children of the same sizes, in the order of children().
  virtual LinearPtr with_children(std::vector<LinearPtr> children) const;
  // Whether the zeros of a leaf are places that were taken out, and a later method leaves out too.
  virtual bool pruned() const { return false; }
  // Bytes of all that multiplying needs. Equal to what save() writes.
  virtual size_t bytes() const = 0;
  virtual size_t nonzeros() const = 0;  // counted from the stored values
  virtual void save(TensorWriter& to) const = 0;
  virtual Cost cost(size_t tokens) const = 0;
};

// Storage of a value inside a format.
enum class Dtype { f32, bf16, f16 };  // f16: of caches only; dense.f16 is a format by itself
std::string dtype_name(Dtype dtype);  // "f32", "bf16", "f16"
Dtype dtype_named(const std::string& name);  // of a name that was checked
size_t dtype_bytes(Dtype dtype);

// Dense weights. bf16 rounds to nearest even.
LinearPtr make_dense(MatrixView w, Dtype dtype);
// Stores the non-zeros of w and one bit a place.
LinearPtr make_sparse_bitmask(MatrixView w, Dtype dtype);
// Keeps n of every m neighbours along `in`. Fails if a group has more than n non-zeros or m does
// not divide in: the text names the first such row and group.
LinearPtr make_sparse_nm(MatrixView w, size_t n, size_t m, Dtype dtype);

}  // namespace evalharness
