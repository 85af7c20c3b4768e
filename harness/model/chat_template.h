// The template by which a model's conversations are written.
#pragma once

#include <string>

namespace evalharness {

struct ChatTemplateSource {
  std::string text;   // Jinja, as transformers runs it
  std::string where;  // "model.gguf: tokenizer.chat_template"
};

// From a .gguf file (tokenizer.chat_template), or a folder: chat_template.jinja, else chat_template of
// tokenizer_config.json, else tokenizer.gguf. `name` picks one of several; "" is "default". Fails
// where there is none, naming those there are.
ChatTemplateSource chat_template_of(const std::string& path, const std::string& name);

}  // namespace evalharness
