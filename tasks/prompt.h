// The text before a question's answer: description, worked examples, the question itself.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "datasets/document.h"
#include "tasks/chat.h"
#include "tasks/task_config.h"

namespace evalharness {

// The worked examples of each document. One CPython Random(1234) for a task draws them, document
// after document in order, as lm-evaluation-harness does on one process; so the examples of a
// document depend on how many stand before it, and drawing happens once, ahead of all requests.
// Keyed draws depend on the seed, the task's name and the document's content only.
class Prompts {
 public:
  explicit Prompts(const TaskConfig& config) : config_(config) {}

  // `pool`: rows that examples are drawn from. Fails where there are too few, or where two
  // documents have one place.
  void prepare(const std::vector<Document>& documents, std::vector<Document> pool);

  // How prompts are written from now on; plain text until then.
  void use_chat(const Chat& chat) { chat_ = chat; }

  // Precondition: the document was prepared, unless the task has no examples.
  // Everything before the answer.
  std::string context(const Document& doc) const;
  // Where doc_to_text is an index: one context for each choice, which stands in the place of the
  // question.
  std::vector<std::string> contexts_of_choices(const Document& doc) const;
  // Between a context and a choice. A chat template ends where an answer begins.
  const std::string& choice_delimiter() const;

 private:
  std::vector<Message> before(const Document& doc) const;  // system's message and examples
  std::vector<Message> example(const Document& doc) const;

  const TaskConfig& config_;  // outlives this
  Chat chat_;
  std::vector<Document> pool_;
  std::map<std::string, std::vector<const Document*>> shots_;  // of the pool, by Document::where()
};

}  // namespace evalharness
