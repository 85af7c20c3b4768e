// What a task file says a prompt, an answer or a list of choices is: a column of the document, a
// template, or a constant. Decided when the file is read; nothing later guesses by type.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "datasets/document.h"
#include "harness/base/config_node.h"
#include "tasks/jinja/jinja.h"

namespace evalharness {

class Field {
 public:
  // A string with Jinja markup is a template; any other string is the name of a column, or, where
  // no document could have such a column, plain text. Numbers and lists are constants; of a map the
  // values are the list.
  static Field read(const ConfigNode& node);

  // The column's value as it is, or the constant. A template gives its text, read further as
  // lm-evaluation-harness does by the functions below. A string that looks like a column's name but
  // is none fails, naming the columns there are.
  Value evaluate(const Document& doc) const;
  // For text that surrounds: a string that is no column stands for itself.
  std::string text(const Document& doc) const;
  // True where the value is made by a template (or is plain text), not taken from a column.
  bool rendered(const Document& doc) const;
  // Adds what a row must have for this field.
  void add_mentions(Mentions& to) const;
  const std::string& where() const { return where_; }  // "tasks/piqa.yaml:7:14: doc_to_text"

 private:
  std::string where_;
  std::string plain_;  // a column's name or plain text
  std::optional<Jinja> template_;
  std::optional<Value> constant_;  // no string
};

// The three readings of a field. With `has_choices` a rendered text of digits is an index.
Value text_or_index(const Field& field, const Document& doc, bool has_choices);
// As above; a rendered "[...]" that is a Python list is a list of answers, any of which is right.
Value target_of(const Field& field, const Document& doc, bool has_choices);
// A list of at least one string, from a column, a constant, or a template that prints a Python list.
std::vector<std::string> choices_of(const Field& field, const Document& doc);

}  // namespace evalharness
