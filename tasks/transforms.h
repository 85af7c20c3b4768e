// What is done to a dataset's rows before a task asks about them: the declarative form of what
// lm-evaluation-harness leaves to a Python function in `process_docs`.
//
//     transforms:
//       - filter: "{{ targets | length > 0 }}"     # keep the rows where this says True
//       - map: {query: "{{ goal.strip() }}"}       # columns of text, one after the other
//       - {each: endings, template: "{{ item.strip() }}", into: choices}
//       - {replace: [query, choices], old: " [title]", new: ". "}
//       - {regex_replace: query, pattern: '\[.*?\]', new: ""}
//       - {find_all: options, pattern: '[a-d] \) .*?, ', into: choices}
//       - literal_eval: choices                    # text that is a Python literal becomes its
//       value
//       - {index: answer, of: choices, into: gold} # the place of a value in a list
//       - {join: facts, separator: " ", into: hint}
//       - rename: {sentence: text}
//       - {shuffle: choices, target: gold, seed: 1}  # the index in `target` moves along
//       - {detokenise: page, into: text}           # WikiText's and PTB's spaced tokens as plain
//       text
//
// A column whose name begins with "_" is for the task alone: logs of samples leave it out.
//
// Without `into` a column is changed in place; of a list each text in it is. Transforms run in
// order, row by row, and a row's result depends on that row only: a shuffle is keyed by its seed
// and by what it shuffles.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "datasets/document.h"
#include "harness/base/config_node.h"

namespace evalharness {

class Transforms {
 public:
  // Of a list of maps as above. Fails on an unknown transform with the nearest name.
  static Transforms read(const ConfigNode& list);

  // The rows that are kept, changed. Fails with the row's place, the transform's and the reason.
  std::vector<Document> apply(std::vector<Document> rows) const;
  bool empty() const { return steps_.empty(); }

  // Changes a row; false drops it.
  using Step = std::function<bool(Document&)>;

 private:
  std::vector<Step> steps_;
};

// WikiText's detokeniser as lm-evaluation-harness has it, its slips included.
std::string detokenise(std::string text);

}  // namespace evalharness
