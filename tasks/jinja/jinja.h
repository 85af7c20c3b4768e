// A small Jinja2: the part that task files of lm-evaluation-harness use, with its settings
// (undefined names are errors, a trailing newline is kept, nothing is escaped) and its extra filter
// regex_replace.
//
// Chat templates of models are the same language with the settings of Hugging Face's transformers: what
// is undefined is empty, the line break behind a statement and the blanks before it are dropped, and
// break, continue, {% generation %}, raise_exception() and strftime_now() are known.
//
// Expressions with filters, tests and methods of strings, lists and maps; if, for, set, macro, raw;
// namespaces; whitespace control. {% call %}, includes and inheritance are refused when a template is
// read.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "harness/base/value.h"

namespace evalharness {

// What a template speaks of: what a row must have for it.
struct Mentions {
  std::set<std::string> columns;  // variables that it does not set itself
  std::set<std::string> members;  // of columns: a.b, a['b']
  std::set<std::string> strings;  // constants
  std::set<std::string> bounds;   // variables that are a bound of a slice: text[start:end]
};

enum class JinjaDialect { kTask, kChat };

class Jinja {
 public:
  // `where` names the template in errors: "tasks/piqa.yaml:7:14: doc_to_text". Fails on what it
  // cannot read.
  Jinja(std::string_view source, std::string where, JinjaDialect dialect = JinjaDialect::kTask);

  // `fields`: a map of the variables there are; `fields_where` names them in errors:
  // "piqa.jsonl:17: tasks/piqa.yaml:7:14: doc_to_text: no field 'goall'; there are: goal label sol1
  // sol2".
  std::string render(const Value& fields, const std::string& fields_where) const;

  const Mentions& mentions() const;

  // True where a text holds any of {{ {% {#.
  static bool has_markup(std::string_view text);

 private:
  struct Program;
  std::shared_ptr<const Program>
      program_;  // shared: a template is copied with its field, and never changes
};

}  // namespace evalharness
