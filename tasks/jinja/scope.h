// The variables that a template sees while it is filled in, and the text made so far.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/base/value.h"
#include "tasks/jinja/jinja.h"

namespace evalharness::jinja {

struct Macro;

class Scope {
  struct Frame {
    Value variables{Value::Map{}};
    std::set<std::string, std::less<>> hidden;
    std::map<std::string, const Macro*> macros;
  };

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
  void set(std::string_view name, Value value) { frames_.back().variables.set(name, std::move(value)); }
  // From here on, and as long as this frame lives, the name is undefined, whatever it is outside.
  void hide(const std::string& name) { frames_.back().hidden.insert(name); }
  // {% set space.name = value %}, where `space` was made by namespace().
  void set_member(std::string_view space, std::string_view name, Value value);
  void enter() { frames_.emplace_back(); }
  void leave() { frames_.pop_back(); }

  // The macro must outlive the scope.
  void define(const std::string& name, const Macro* macro) { frames_.back().macros[name] = macro; }
  const Macro* find_macro(const std::string& name) const;  // null where none is defined
  size_t open_macros() const { return open_macros_; }
  // The body of a macro: sees the frames around its definition and one of its own, not those of its caller.
  class Inside {
   public:
    Inside(Scope& scope, const std::string& macro);  // precondition: find_macro(macro)
    ~Inside();
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    Scope& scope_;
    std::vector<Frame> of_caller_;
  };

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
  std::vector<Frame> frames_;
  size_t open_macros_ = 0;
};

// "no key 'x'; there are: a b c", with the nearest.
std::string no_key(const char* what, std::string_view key, const Value& map);

}  // namespace evalharness::jinja
