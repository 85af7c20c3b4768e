// exact_match of lm-evaluation-harness: what is left out of both texts before they are compared.
#pragma once

#include <string>
#include <vector>

#include "harness/base/config_node.h"
#include "tasks/regex.h"

namespace evalharness {

struct AnswerMatch {
  std::vector<Regex> regexes_to_ignore;
  bool ignore_case = false;
  bool ignore_punctuation = false;  // ASCII
  bool ignore_numbers = false;      // ASCII digits

  // The keys of an item of `metric_list` beside metric, aggregation and higher_is_better.
  static AnswerMatch read(const ConfigNode& node);
  bool same(const std::string& answer, const std::string& reference) const;

 private:
  std::string reduced(std::string text) const;
};

}  // namespace evalharness
