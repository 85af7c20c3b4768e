// The panels of several weights that multiply one input, one weight's behind the other's, as if they were one weight's.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "harness/backend/bound_linear.h"
#include "harness/base/error.h"
#include "harness/math/gemm.h"
#include "harness/ops/panel_layout.h"

namespace evalharness {

// `Part` has a layout(). Parts are borrowed.
template <class Part>
class SideBySide {
 public:
  explicit SideBySide(std::vector<const Part*> parts) : parts_(std::move(parts)), layout_(parts_.front()->layout()) {
    for (const Part* part : std::span(parts_).subspan(1)) layout_.out += part->layout().out;
  }
  // This single weight and those of the others behind it. `single(other)` is another's, null where it is of another kind;
  // nothing where one is, or where they do not fit.
  template <class Single>
  std::optional<SideBySide> with(std::span<const BoundLinear* const> others, const Single& single) const {
    std::vector<const Part*> parts = {one()};
    for (const BoundLinear* other : others) {
      const SideBySide* const weight = single(*other);
      if (weight == nullptr) return {};
      parts.push_back(weight->one());
    }
    SideBySide all(std::move(parts));
    return all.fits() ? std::optional(std::move(all)) : std::nullopt;
  }

  const PanelLayout& layout() const { return layout_; }
  std::span<const Part* const> parts() const { return parts_; }
  struct Place {
    const Part& part;
    size_t panel;
  };
  Place operator[](size_t panel) const {
    size_t i = 0;
    for (; panel >= parts_[i]->layout().panels(); ++i) panel -= parts_[i]->layout().panels();
    return {*parts_[i], panel};
  }

 private:
  const Part* one() const {
    EH_ASSERT(parts_.size() == 1);
    return parts_.front();
  }
  // Inputs are the same, and each weight's outputs begin with a panel of their own.
  bool fits() const {
    for (size_t i = 0; i < parts_.size(); ++i) {
      const PanelLayout& one = parts_[i]->layout();
      if (one.in != layout_.in || one.dtype != layout_.dtype || (i + 1 < parts_.size() && one.out % kPanelWidth != 0)) return false;
    }
    return true;
  }

  std::vector<const Part*> parts_;
  PanelLayout layout_;
};

}  // namespace evalharness
