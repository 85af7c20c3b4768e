// The variables that a template sees while it is filled in, and the text made so far.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/base/value.h"
#include "tasks/jinja/jinja.h"

namespace evalharness::jinja {

class Scope {
 public:
  // References stay valid while the scope lives.
  Scope(const Value& fields, const std::string& fields_where, const std::string& where,
        JinjaDialect dialect)
      : is_chat(dialect == JinjaDialect::kChat),
        fields_(fields),
        fields_where_(fields_where),
        where_(where),
        frames_(1) {}

  // The innermost variable of a name, or null. A loop body is a frame of its own: what it sets is
  // forgotten after each turn.
  const Value* find(std::string_view name) const;
  void set(std::string_view name, Value value) { frames_.back().set(name, std::move(value)); }
  // {% set space.name = value %}, where `space` was made by namespace().
  void set_member(std::string_view space, std::string_view name, Value value);
  void enter() { frames_.emplace_back(Value::Map{}); }
  void leave() { frames_.pop_back(); }

  [[noreturn]] void fail(const std::string& text) const {
    evalharness::fail(cat(fields_where_, fields_where_.empty() ? "" : ": ", where_, ": ", text));
  }
  // "no field 'goall' (did you mean 'goal'?); there are: goal label".
  std::string no_field(std::string_view name) const;

  enum class Flow { kOn, kBreak, kContinue };

  const bool is_chat;  // what is undefined is empty
  Flow flow = Flow::kOn;
  std::string out;
  std::string missing;  // what was undefined, of the expression that was looked up last

 private:
  const Value& fields_;
  const std::string& fields_where_;
  const std::string& where_;
  std::vector<Value> frames_;
};

// "no key 'x'; there are: a b c", with the nearest.
std::string no_key(const char* what, std::string_view key, const Value& map);

}  // namespace evalharness::jinja
