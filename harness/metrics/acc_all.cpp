#include "harness/metrics/acc_all.h"

#include <map>

namespace evalharness {

std::vector<Item> by_question(std::span<const Item> documents) {
  std::map<std::vector<double>, Item> questions;
  for (const Item& document : documents) {
    Item& question = questions.try_emplace(document.statistics, Item{.metric = "", .value = 1, .answer = ""}).first->second;
    question.value *= document.value;
    question.answer += document.answer + ' ';
  }
  std::vector<Item> items;
  for (auto& [place, question] : questions) items.push_back(std::move(question));
  return items;
}

}  // namespace evalharness
