#include "tasks/filters.h"

#include <algorithm>
#include <map>

#include "harness/base/error.h"
#include "harness/base/letter_case.h"
#include "harness/base/text.h"
#include "tasks/extraction.h"
#include "tasks/filter_registry.h"
#include "tasks/python.h"

namespace evalharness {
namespace {

using Texts = FilterChain::Texts;
using Step = FilterChain::Step;

Step regex(const ConfigNode& node) {
  const Extraction extraction = Extraction::read(node);
  return from_each_text(extraction, extraction.fallback);
}

Step multi_choice_regex(const ConfigNode& node) {
  return [extraction = Extraction::read(node), ignored = Ignored::read(node)](const Texts& texts,
                                                                            const Document& doc) {
    std::vector<std::string> choices;
    for (const Value& choice : doc.at("choices").list()) choices.push_back(python::str(choice));
    Texts letters;
    for (const Extracted& one : texts)
      letters.push_back(extracted_or(chosen_letter(extraction, ignored, choices, one.text), extraction.fallback));
    return letters;
  };
}

Step remove_whitespace(const ConfigNode&) {
  return for_each_text([](const std::string& t) { return strip(t); });
}
Step lowercase(const ConfigNode&) {
  return for_each_text([](const std::string& t) { return lower(t); });
}
Step uppercase(const ConfigNode&) {
  return for_each_text([](const std::string& t) { return upper(t); });
}

Step map(const ConfigNode& node) {
  std::map<std::string, std::string> meanings;
  if (const std::optional<ConfigNode> table = node.find("mapping_dict"); table && !table->is_null())
    for (const std::string& key : table->keys())
      meanings[key] = python::str(table->at(key).to_value(true));
  const std::optional<ConfigNode> otherwise = node.find("default_value");
  return [meanings, fallback = python::str(otherwise ? otherwise->to_value(true) : Value())](const Texts& texts, const Document&) {
    Texts mapped;
    for (const Extracted& one : texts) {
      const auto meaning = meanings.find(one.text);
      mapped.push_back(meaning == meanings.end() ? Extracted{fallback, false} : Extracted{meaning->second, one.found});
    }
    return mapped;
  };
}

// The text that occurs most often; of equals the one that came first.
Step majority_vote(const ConfigNode&) {
  return [](const Texts& texts, const Document&) {
    size_t best = 0, best_count = 0;
    for (size_t i = 0; i < texts.size(); ++i) {
      const size_t count = static_cast<size_t>(std::ranges::count(texts, texts[i].text, &Extracted::text));
      if (count > best_count) best = i, best_count = count;
    }
    return Texts{texts[best]};
  };
}

Step take_first_k(const ConfigNode& node) {
  const size_t k = node.at("k").as_count();
  return [k](const Texts& texts, const Document&) {
    EH_ASSERT(k <= texts.size());  // FilterChain::read() saw to it
    return Texts(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(k));
  };
}

Step take_first(const ConfigNode&) {
  return [](const Texts& texts, const Document&) { return Texts{texts.front()}; };
}

const RegisterFilter kFilters[] = {{"lowercase", lowercase},
                                   {"majority_vote", majority_vote},
                                   {"map", map},
                                   {"multi_choice_regex", multi_choice_regex},
                                   {"regex", regex},
                                   {"remove_whitespace", remove_whitespace},
                                   {"take_first", take_first},
                                   {"take_first_k", take_first_k},
                                   {"uppercase", uppercase}};

}  // namespace

FilterChain FilterChain::first() {
  FilterChain chain;
  chain.name_ = "none";
  return chain;
}

FilterChain FilterChain::read(const ConfigNode& node, size_t samples) {
  FilterChain chain;
  chain.name_ = node.at("name").as_string();
  const std::vector<ConfigNode> items = node.at("filter").items();
  if (items.empty() || items.back().at("function").as_string() != "take_first")
    node.fail_at("filter", "expected take_first at the end, so that one text is scored");
  for (const ConfigNode& item : items) {
    chain.steps_.push_back(read_filter(item));
    if (item.at("function").as_string() == "take_first_k" && item.at("k").as_count() > samples)
      item.fail_at("k", cat("expected at most ", samples, ", the texts of a document (repeats), got ", item.at("k").as_count()));
  }
  chain.steps_.pop_back();
  return chain;
}

Extracted FilterChain::apply(const std::vector<std::string>& texts, const Document& doc) const {
  Texts current;
  for (const std::string& text : texts) current.push_back({text});
  for (const Step& step : steps_) current = step(current, doc);
  EH_ASSERT(!current.empty());
  Extracted& first = current.front();
  return {first.text, first.found && !is_blank(first.text)};
}

}  // namespace evalharness
