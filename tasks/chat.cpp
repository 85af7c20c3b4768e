#include "tasks/chat.h"

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

// Marks where a begun answer ends, through whatever the template does to it.
const std::string kHere = "CONTINUE_FINAL_MESSAGE_TAG ";

Value value_of(const std::vector<Message>& messages) {
  Value list{Value::List{}};
  for (const Message& message : messages)
    list.push(Value::Map{{"role", Value(message.role)}, {"content", Value(message.content)}});
  return list;
}

std::string short_hash(const std::string& hash) { return hash.substr(0, 8); }

}  // namespace

std::string plain_text(const std::vector<Message>& messages) {
  std::string text;
  for (const Message& message : messages) text += message.content + message.delimiter;
  return text;
}

std::vector<Message> in_one_turn(std::vector<Message> messages) {
  EH_ASSERT(!messages.empty());
  std::vector<Message> turns, said;
  std::swap(said, messages);
  if (said.front().role == "system") {
    turns.push_back(said.front());
    said.erase(said.begin());
  }
  const bool begun = said.back().role == "assistant";
  const Message last = said.back();
  if (begun) said.pop_back();
  said.back().delimiter = "";
  turns.push_back({"user", plain_text(said)});
  if (begun) turns.push_back(last);
  return turns;
}

ChatTemplate::ChatTemplate(const std::string& source, const std::string& where,
                           const std::string& bos, const std::string& eos)
    : template_(source, where, JinjaDialect::kChat),
      where_(where),
      bos_(bos),
      eos_(eos),
      hash_(sha256_hex(source)) {}

std::string ChatTemplate::render_all(const std::vector<Message>& messages) const {
  EH_ASSERT(!messages.empty());
  const bool continues = messages.back().role == "assistant";
  std::vector<Message> marked = messages;
  if (continues) marked.back().content += kHere;
  // Functions count as defined where a template asks whether there are any.
  Value fields = Value::Map{{"messages", value_of(marked)},
                            {"tools", Value()},
                            {"documents", Value()},
                            {"add_generation_prompt", Value(!continues)},
                            {"raise_exception", Value(true)},
                            {"strftime_now", Value(true)}};
  if (!bos_.empty()) fields.set("bos_token", bos_);
  if (!eos_.empty()) fields.set("eos_token", eos_);
  const std::string text = template_.render(fields, "");
  if (!continues) return text;
  const size_t end = text.rfind(strip(kHere));
  if (end == std::string::npos || text.find(strip(messages.back().content)) == std::string::npos)
    fail(cat(where_, ": the template drops the answer that the task begins: '", messages.back().content, "'"));
  const bool spaced = text.compare(end, kHere.size(), kHere) == 0;
  return spaced ? text.substr(0, end) : rstrip(text.substr(0, end));
}

std::string ChatTemplate::render(const std::vector<Message>& messages) const {
  const auto is_system = [](const Message& message) { return message.role == "system"; };
  try {
    return render_all(messages);
  } catch (const Error&) {
    if (std::none_of(messages.begin(), messages.end(), is_system)) throw;
  }
  std::vector<Message> others;
  std::remove_copy_if(messages.begin(), messages.end(), std::back_inserter(others), is_system);
  return render_all(others);
}

std::string Chat::write(std::vector<Message> messages) const {
  if (!form) return plain_text(messages);
  return form->render(fewshot_as_multiturn ? messages : in_one_turn(std::move(messages)));
}

std::string Chat::protocol() const {
  std::string id;
  if (form) id += cat(", chat ", short_hash(form->hash()));
  if (form && !fewshot_as_multiturn) id += ", shots in one turn";
  if (!system_instruction.empty()) id += cat(", system ", short_hash(sha256_hex(system_instruction)));
  return id;
}

}  // namespace evalharness
