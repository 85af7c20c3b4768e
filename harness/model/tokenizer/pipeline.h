// A Tokenizer put together from its parts: added tokens, normaliser, pre-tokenizer, subword model.
#pragma once

#include <memory>
#include <string>

#include "harness/model/tokenizer.h"
#include "harness/model/tokenizer/subword_model.h"
#include "harness/model/tokenizer/tokenizer_data.h"

namespace evalharness {

// With the BPE of data.bpe. Fails on ids outside the vocabulary and on patterns that do not
// compile.
std::unique_ptr<Tokenizer> make_bpe_tokenizer(TokenizerData data);
// With another model; data.bpe is not used. `hash` stands for the model and the data.
std::unique_ptr<Tokenizer> make_tokenizer(TokenizerData data, std::unique_ptr<SubwordModel> model,
                                          std::string hash);

// Readers of files.
TokenizerData tokenizer_data_from_gguf(const std::string& path);
// `folder` holds tokenizer.json, and maybe tokenizer_config.json, which names BOS and EOS.
TokenizerData tokenizer_data_from_json(const std::string& folder);
// From a folder with tokenizer.model, run by the sentencepiece library.
std::unique_ptr<Tokenizer> open_sentencepiece(const std::string& folder);

}  // namespace evalharness
