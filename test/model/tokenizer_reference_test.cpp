// Small tokenizers of every kind against ids and texts that the Hugging Face and sentencepiece
// libraries gave: test/golden/tokenizers.json, made by test/golden/make_tokenizers.py.
#include <catch2/catch.hpp>
#include <cstring>

#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/model/tokenizer.h"
#include "test/support/gguf_builder.h"
#include "test/support/golden.h"
#include "test/support/home.h"
#include "test/support/temporary_folder.h"

namespace evalharness {
namespace {

const Value& references() {
  static const Value value = [] {
    const std::string path = home_path("test/golden/tokenizers.json");
    return parse_json(read_text(path), path);
  }();
  return value;
}

const Value& reference(const std::string& name) {
  for (const Value& tokenizer : references().find("tokenizers")->list()) {
    if (tokenizer.find("name")->string() == name) return tokenizer;
  }
  FAIL("no tokenizer of this name: " << name);
  return references();
}

std::string pushed_one_by_one(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  Detokenizer detokenizer(tokenizer);
  std::string text;
  for (const int32_t id : ids) text += detokenizer.push(id);
  return text + detokenizer.finish();
}

void check_ids(const Tokenizer& tokenizer, const Value& cases) {
  for (const Value& item : cases.list()) {
    const std::string& text = item.find("text")->string();
    CAPTURE(text);
    CHECK(tokenizer.encode(text) == ids_of(*item.find("ids")));
  }
}

void check_decoding(const Tokenizer& tokenizer, const Value& cases) {
  for (const Value& item : cases.list()) {
    const std::string& text = item.find("text")->string();
    const Value* decoded = item.find("decoded");  // only where it is not the text
    CAPTURE(text);
    const std::vector<int32_t> ids = ids_of(*item.find("ids"));
    CHECK(tokenizer.decode(ids) == (decoded == nullptr ? text : decoded->string()));
    CHECK(pushed_one_by_one(tokenizer, ids) == tokenizer.decode(ids));
  }
}

// A GGUF file of the same vocabulary and merges, as llama.cpp's converter writes it.
std::string gguf_of(const Value& file, const std::string& pre) {
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  const auto set = [&](const std::string& token, size_t id, int32_t type) {
    if (id >= tokens.size()) {
      tokens.resize(id + 1);
      types.resize(id + 1, 1);
    }
    tokens[id] = token;
    types[id] = type;
  };
  for (const auto& [token, id] : file.find("model")->find("vocab")->map()) {
    set(token, static_cast<size_t>(id.integer()), 1);
  }
  for (const Value& token : file.find("added_tokens")->list()) {
    set(token.find("content")->string(), static_cast<size_t>(token.find("id")->integer()), 3);
  }
  std::vector<std::string> merges;
  for (const Value& merge : file.find("model")->find("merges")->list()) {
    merges.push_back(merge.list()[0].string() + " " + merge.list()[1].string());
  }
  GgufBuilder builder;
  builder.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", pre);
  builder.strings("tokenizer.ggml.tokens", tokens).integers("tokenizer.ggml.token_type", types);
  builder.strings("tokenizer.ggml.merges", merges);
  builder.integer("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(tokens.size() - 2));
  return builder.bytes();
}

struct Piece {
  std::string text;
  float score;
  int32_t type;
};

std::vector<Piece> sentencepieces() {
  std::vector<Piece> pieces;
  for (const Value& row : references().find("sentencepiece")->find("pieces")->list()) {
    pieces.push_back({row.list()[0].string(), static_cast<float>(row.list()[1].number()),
                      static_cast<int32_t>(row.list()[2].integer())});
  }
  return pieces;
}

std::string gguf_of(const std::vector<Piece>& pieces) {
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  GgufBytes scores;
  scores.number(uint32_t{6}).number(uint64_t{pieces.size()});  // an array of float32
  for (const Piece& piece : pieces) {
    tokens.push_back(piece.text);
    types.push_back(piece.type);
    scores.number(piece.score);
  }
  GgufBuilder builder;
  builder.string("tokenizer.ggml.model", "llama");
  builder.strings("tokenizer.ggml.tokens", tokens).integers("tokenizer.ggml.token_type", types);
  builder.key("tokenizer.ggml.scores", 9, scores.bytes());
  builder.integer("tokenizer.ggml.unknown_token_id", 0);
  builder.integer("tokenizer.ggml.bos_token_id", 1).integer("tokenizer.ggml.eos_token_id", 2);
  return builder.bytes();
}

// The few protocol buffer fields that a tokenizer.model needs.
std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 128; value >>= 7) bytes += static_cast<char>((value & 127) | 128);
  return bytes + static_cast<char>(value);
}
std::string number_field(unsigned field, uint64_t value) {
  return varint(field << 3) + varint(value);
}
std::string bytes_field(unsigned field, const std::string& bytes) {
  return varint((field << 3) | 2) + varint(bytes.size()) + bytes;
}
std::string float_field(unsigned field, float value) {
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &value, 4);
  return varint((field << 3) | 5) + bytes;
}

std::string sentencepiece_model_of(const std::vector<Piece>& pieces) {
  std::string model;
  for (const Piece& piece : pieces) {
    model += bytes_field(1, bytes_field(1, piece.text) + float_field(2, piece.score) +
                                number_field(3, static_cast<uint64_t>(piece.type)));
  }
  model += bytes_field(2, number_field(3, 2) + number_field(35, 1));  // BPE, falling back on bytes
  return model +
         bytes_field(3, bytes_field(1, "identity") + number_field(4, 0));  // keeps all spaces
}

}  // namespace

TEST_CASE("tokenizer.json of every supported kind gives the library's ids and texts",
          "[tokenizer]") {
  for (const Value& tokenizer : references().find("tokenizers")->list()) {
    CAPTURE(tokenizer.find("name")->string());
    const TemporaryFolder folder;
    write_text(folder.path("tokenizer.json"), to_json(*tokenizer.find("tokenizer.json")));
    write_text(folder.path("tokenizer_config.json"),
               R"({"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false}})");
    const auto ours = open_tokenizer(folder.path());
    check_ids(*ours, *tokenizer.find("cases"));
    check_decoding(*ours, *tokenizer.find("cases"));
    CHECK(ours->token_text(ours->bos()) == "<s>");
    CHECK(ours->token_text(ours->eos()) == "</s>");
  }
}

TEST_CASE("a GGUF file's pre-tokenizer by name does what the tokenizer.json spells out",
          "[tokenizer]") {
  for (const char* name : {"gpt-2", "llama-bpe", "qwen2", "smollm"}) {
    CAPTURE(name);
    const TemporaryFolder folder;
    write_text(folder.path("m.gguf"), gguf_of(*reference(name).find("tokenizer.json"), name));
    const auto ours = open_tokenizer(folder.path("m.gguf"));
    check_ids(*ours, *reference(name).find("cases"));
    check_decoding(*ours, *reference(name).find("cases"));
    CHECK(ours->adds_bos() == (std::string(name) == "llama-bpe"));
  }
}

TEST_CASE("tokenizer.model and the scores of a GGUF file give sentencepiece's ids", "[tokenizer]") {
  const TemporaryFolder folder;
  write_text(folder.path("tokenizer.model"), sentencepiece_model_of(sentencepieces()));
  write_text(folder.path("m.gguf"), gguf_of(sentencepieces()));
  const Value& cases = *references().find("sentencepiece")->find("cases");
  for (const std::string& path : {folder.path(), folder.path("m.gguf")}) {
    CAPTURE(path);
    const auto ours = open_tokenizer(path);
    check_ids(*ours, cases);
    check_decoding(*ours, cases);
    CHECK(ours->adds_bos());
    CHECK(ours->encode("</s>a", false).front() == 2);
  }
}

}  // namespace evalharness
