// From what a model wrote to what is scored: the filters of lm-evaluation-harness.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "datasets/document.h"
#include "harness/base/config_node.h"

namespace evalharness {

// What filters took out of a text.
struct Extracted {
  std::string text;
  bool found = true;  // false: nothing was, and `text` is a fallback or empty
};

// A named chain of filters over the samples of one document. It must end in take_first, so that one
// text is scored.
class FilterChain {
 public:
  using Texts = std::vector<Extracted>;
  using Step = std::function<Texts(const Texts&, const Document&)>;

  // An item of `filter_list`: {name: strict-match, filter: [{function: regex, regex_pattern: ...},
  // ...]}. `samples`: texts of a document, at least what take_first_k keeps. Fails on an unknown filter with the nearest name.
  static FilterChain read(const ConfigNode& node, size_t samples);
  // {name: none, filter: [take_first]}: what a task without filters has.
  static FilterChain first();

  const std::string& name() const { return name_; }
  bool only_takes_first() const { return steps_.empty(); }
  // Precondition: at least one text.
  Extracted apply(const std::vector<std::string>& texts, const Document& doc) const;

 private:
  std::string name_;
  std::vector<Step> steps_;  // without the last take_first
};

}  // namespace evalharness
