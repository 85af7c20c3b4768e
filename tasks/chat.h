// Prompts as conversations, in the form of a model's own template.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tasks/jinja/jinja.h"

namespace evalharness {

struct Message {
  std::string role;     // "system", "user", "assistant"
  std::string content;
  std::string delimiter = "";  // behind it where the prompt is plain text
};

// Their texts with their delimiters, one after the other.
std::string plain_text(const std::vector<Message>& messages);
// Everything that was said in one user's turn, but for the system's message before it and for an
// answer that was begun behind it.
std::vector<Message> in_one_turn(std::vector<Message> messages);

// As apply_chat_template of Hugging Face's transformers 5 writes a conversation.
class ChatTemplate {
 public:
  // `bos`, `eos`: texts of these tokens, "" where the model has none. Fails where the template is
  // not understood: "<where>: ...".
  ChatTemplate(const std::string& source, const std::string& where, const std::string& bos,
               const std::string& eos);

  // Ends where the assistant is to speak; behind the last message where that is an answer that was
  // begun. A template that refuses a conversation with a system message is given the others only, as
  // lm-evaluation-harness does. Fails with what the template says, and on a begun answer that it
  // drops. Delimiters take no part.
  std::string render(const std::vector<Message>& messages) const;
  const std::string& hash() const { return hash_; }  // sha256 of the source

 private:
  std::string render_all(const std::vector<Message>& messages) const;

  Jinja template_;
  std::string where_, bos_, eos_, hash_;
};

// How a run puts its questions.
struct Chat {
  std::string system_instruction;             // before each task's own description
  std::shared_ptr<const ChatTemplate> form;   // null: as plain text
  bool fewshot_as_multiturn = true;           // each example is a turn of its own

  std::string write(std::vector<Message> messages) const;
  // What a protocol's id says of it: ", chat 1a2b3c4d, system 5e6f7a8b". "" of plain text.
  std::string protocol() const;
};

}  // namespace evalharness
