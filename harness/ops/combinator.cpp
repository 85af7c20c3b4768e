#include "harness/ops/combinator.h"

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

class PrefixedWriter final : public TensorWriter {
 public:
  PrefixedWriter(const std::string& prefix, TensorWriter& to) : prefix_(prefix), to_(to) {}
  void put(const std::string& part, const StoredTensor& tensor) override {
    to_.put(prefix_ + part, tensor);
  }

 private:
  const std::string& prefix_;
  TensorWriter& to_;
};

}  // namespace

Cost& Cost::operator+=(const Cost& other) {
  dense_flops += other.dense_flops;
  executed_flops += other.executed_flops;
  integer_flops += other.integer_flops;
  effective_flops += other.effective_flops;
  weight_bytes += other.weight_bytes;
  activation_bytes += other.activation_bytes;
  return *this;
}

Cost& Cost::operator/=(double parts) {
  for (double* part : {&dense_flops, &executed_flops, &integer_flops, &effective_flops, &weight_bytes, &activation_bytes})
    *part /= parts;
  return *this;
}

Matrix LinearOp::child_input(size_t, MatrixView, const Multiply&) const {
  EH_ASSERT(!"a leaf has no children");
  return {};
}

LinearPtr LinearOp::with_children(std::vector<LinearPtr>) const {
  EH_ASSERT(!"a leaf has no children");
  return nullptr;
}

std::string combinator_format(const std::string& name,
                              const std::vector<const LinearOp*>& children) {
  std::vector<std::string> formats;
  for (const LinearOp* const child : children) formats.push_back(child->format());
  return cat(name, "(", join(formats, ", "), ")");
}

std::vector<std::string> child_formats(const std::string& format, size_t count) {
  const size_t open = format.find('(');
  std::vector<std::string> children(1);
  int depth = 0;
  const bool closed = open != std::string::npos && format.ends_with(")");
  for (size_t i = open + 1; closed && i + 1 < format.size(); ++i) {
    depth += format[i] == '(' ? 1 : format[i] == ')' ? -1 : 0;
    if (depth == 0 && format.compare(i, 2, ", ") == 0) {
      children.emplace_back();
      ++i;
    } else {
      children.back() += format[i];
    }
  }
  if (!closed || depth != 0 || children.size() != count)
    fail(cat("weight format '", format, "': expected ", count, " formats in brackets"));
  return children;
}

void save_child(const LinearOp& child, const std::string& prefix, TensorWriter& to) {
  PrefixedWriter writer(prefix, to);
  child.save(writer);
}

LinearPtr load_child(const ChildShape& child, const std::string& prefix,
                     const MemoryTensors& parts) {
  MemoryTensors own;
  for (const auto& [name, tensor] : parts.parts()) {
    if (name.starts_with(prefix)) own.put(name.substr(prefix.size()), tensor);
  }
  return load_linear(child.format, child.out, child.in, own);
}

Cost combined_cost(const LinearOp& op, size_t tokens) {
  const double t = static_cast<double>(tokens);
  const double out = static_cast<double>(op.out()), in = static_cast<double>(op.in());
  Cost cost{.dense_flops = 2 * t * out * in,
            .weight_bytes = static_cast<double>(op.bytes()),
            .activation_bytes = 4 * t * (out + in)};
  for (const LinearOp* const child : op.children()) {
    const Cost part = child->cost(tokens);
    cost.executed_flops += part.executed_flops;
    cost.integer_flops += part.integer_flops;
    cost.effective_flops += part.effective_flops;
  }
  return cost;
}

}  // namespace evalharness
