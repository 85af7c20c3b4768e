// The panels of several weights that multiply one input, one weight's behind the other's, as if they were one weight's.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

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
  // Inputs are the same, and each weight's outputs begin with a panel of their own.
  bool fits() const {
    for (size_t i = 0; i < parts_.size(); ++i) {
      const PanelLayout& one = parts_[i]->layout();
      if (one.in != layout_.in || one.dtype != layout_.dtype || (i + 1 < parts_.size() && one.out % kPanelWidth != 0)) return false;
    }
    return true;
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
  std::vector<const Part*> parts_;
  PanelLayout layout_;
};

}  // namespace evalharness
