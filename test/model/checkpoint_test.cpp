// Checkpoints: a tiny model in both forms, the real model's figures, and folders that lie.
#include "harness/model/checkpoint.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/model/transformer.h"
#include "test/support/gguf_builder.h"
#include "test/support/home.h"
#include "test/support/temporary_folder.h"
#include "test/support/tiny_files.h"

namespace evalharness {
namespace {

void check_same_config(const ModelConfig& got, const ModelConfig& expected) {
  CHECK(got.architecture == expected.architecture);
  CHECK(got.name == expected.name);
  CHECK(got.vocab == expected.vocab);
  CHECK(got.hidden == expected.hidden);
  CHECK(got.intermediate == expected.intermediate);
  CHECK(got.layers == expected.layers);
  CHECK(got.heads == expected.heads);
  CHECK(got.kv_heads == expected.kv_heads);
  CHECK(got.head_dim == expected.head_dim);
  CHECK(got.context == expected.context);
  CHECK(got.norm_epsilon == Approx(expected.norm_epsilon).epsilon(1e-7));  // a float32 in GGUF
  CHECK(got.rope.theta == expected.rope.theta);
  CHECK(got.rope.dims == expected.rope.dims);
  CHECK(got.rope.scaling == expected.rope.scaling);
  CHECK(got.tied_head == expected.tied_head);
  CHECK(got.attention_bias == expected.attention_bias);
  CHECK(got.attention_output_bias == expected.attention_output_bias);
  CHECK(got.mlp_bias == expected.mlp_bias);
  CHECK(got.bos == expected.bos);
  CHECK(got.eos == expected.eos);
  CHECK(got.pad == expected.pad);
  CHECK(got.end_of_generation == expected.end_of_generation);
}

// Every weight of the tiny model comes back bit for bit, and nothing else is there.
void check_reads_tiny(const std::string& path, const TinyOptions& options) {
  const auto checkpoint = open_checkpoint(path);
  CHECK(checkpoint->path() == path);
  check_same_config(checkpoint->config(), tiny_config(options));
  const std::map<std::string, Matrix> weights = tiny_weights(options);
  for (const auto& [name, values] : weights) {
    INFO(name);
    REQUIRE(checkpoint->has(name));
    CHECK(checkpoint->read(name) == values);
  }
  CHECK(checkpoint->has("lm_head.weight") == !options.tied_head);
  CHECK_FALSE(checkpoint->has("model.layers.2.input_layernorm.weight"));
  CHECK_THROWS_WITH(checkpoint->read("nonsense"), path + ": no tensor 'nonsense'");
}

// A tiny folder whose config.json has `key` set to `json` (removed where empty).
struct ChangedFolder {
  explicit ChangedFolder(const std::string& key = "", const std::string& json = "",
                         const TinyOptions& options = {}) {
    write_tiny_folder(path, options);
    if (!key.empty()) change("config.json", key, json);
  }
  void change(const std::string& file, const std::string& key, const std::string& json) const {
    Value config = parse_json(read_text(path + "/" + file), file);
    if (json.empty())
      std::erase_if(config.map(), [&](const auto& entry) { return entry.first == key; });
    else
      config.set(key, parse_json(json, key));
    write_text(path + "/" + file, to_json(config));
  }
  ModelConfig config() const { return open_checkpoint(path)->config(); }
  // The error's text without the folder's name.
  std::string error() const {
    try {
      open_checkpoint(path);
    } catch (const Error& error) {
      return replace_all(error.what(), path, "tiny");
    }
    return "";
  }
  TemporaryFolder folder;
  std::string path = folder.path("tiny");
};

std::string config_error(const std::string& key, const std::string& json) {
  return ChangedFolder(key, json).error();
}

// A small but complete GGUF model of one block with dimensions that a reader can follow.
GgufBuilder gguf_model() {
  GgufBuilder gguf;
  gguf.string("general.architecture", "llama")
      .integer("llama.vocab_size", 5)
      .integer("llama.block_count", 1);
  gguf.integer("llama.embedding_length", 4)
      .integer("llama.feed_forward_length", 3)
      .integer("llama.context_length", 8);
  gguf.integer("llama.attention.head_count", 1)
      .number("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  gguf.matrix("token_embd.weight", Matrix(5, 4)).vector("output_norm.weight", Matrix(1, 4));
  gguf.vector("blk.0.attn_norm.weight", Matrix(1, 4)).vector("blk.0.ffn_norm.weight", Matrix(1, 4));
  for (const char* name : {"k", "v", "output"})
    gguf.matrix(cat("blk.0.attn_", name, ".weight"), Matrix(4, 4));
  gguf.matrix("blk.0.ffn_gate.weight", Matrix(3, 4)).matrix("blk.0.ffn_up.weight", Matrix(3, 4));
  return gguf.matrix("blk.0.ffn_down.weight", Matrix(4, 3));
}

// Rows 0, 1, 2, 3 of q: pairs (0, 2) and (1, 3) once in order.
GgufBuilder whole_gguf_model() {
  return gguf_model().matrix("blk.0.attn_q.weight",
                             Matrix(4, 4, {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3}));
}

template <class Use>
auto with_gguf(const GgufBuilder& gguf, Use use) {
  const TemporaryFolder folder;
  write_text(folder.path("m.gguf"), gguf.bytes());
  return use(folder.path("m.gguf"));
}

ModelConfig gguf_config(const GgufBuilder& gguf) {
  return with_gguf(gguf, [](const std::string& path) { return open_checkpoint(path)->config(); });
}

std::string gguf_error(const GgufBuilder& gguf) {
  return with_gguf(gguf, [](const std::string& path) -> std::string {
    try {
      open_checkpoint(path);
    } catch (const Error& error) {
      return replace_all(error.what(), path, "m.gguf");
    }
    return "";
  });
}

double sum_of(const Matrix& matrix, double (*term)(double)) {
  double sum = 0;
  for (const float value : matrix.values()) sum += term(static_cast<double>(value));
  return sum;
}

}  // namespace

TEST_CASE("a tiny model is the same from a folder, from shards and from GGUF",
          "[model][checkpoint]") {
  const TemporaryFolder folder;
  const std::vector<TinyOptions> cases = {
      {},
      {.tied_head = true},
      {.seed = 3, .hidden = 12, .heads = 3, .kv_heads = 1, .head_dim = 8},
      {.architecture = "qwen2"},
      {.shards = 3}};
  for (size_t i = 0; i < cases.size(); ++i) {
    INFO("case " << i);
    write_tiny_folder(folder.path(cat(i)) + "/tiny", cases[i]);
    write_tiny_gguf(folder.path(cat(i)) + "/tiny.gguf", cases[i]);
    check_reads_tiny(folder.path(cat(i)) + "/tiny", cases[i]);
    check_reads_tiny(folder.path(cat(i)) + "/tiny.gguf", cases[i]);
  }
}

TEST_CASE("interleaved rows of GGUF come back in halves, those of a bias too",
          "[model][checkpoint]") {
  const GgufBuilder gguf = whole_gguf_model()
                               .vector("blk.0.attn_q.bias", Matrix(1, 4, {10, 11, 12, 13}))
                               .vector("blk.0.attn_k.bias", Matrix(1, 4))
                               .vector("blk.0.attn_v.bias", Matrix(1, 4, {10, 11, 12, 13}));
  with_gguf(gguf, [](const std::string& path) {
    const auto checkpoint = open_checkpoint(path);
    CHECK(checkpoint->config().attention_bias);
    CHECK_FALSE(checkpoint->config().attention_output_bias);
    CHECK(checkpoint->read("model.layers.0.self_attn.q_proj.weight") ==
          Matrix(4, 4, {0, 0, 0, 0, 2, 2, 2, 2, 1, 1, 1, 1, 3, 3, 3, 3}));
    CHECK(checkpoint->read("model.layers.0.self_attn.q_proj.bias") ==
          Matrix(1, 4, {10, 12, 11, 13}));
    CHECK(checkpoint->read("model.layers.0.self_attn.v_proj.bias") ==
          Matrix(1, 4, {10, 11, 12, 13}));
  });
}

TEST_CASE("rope scaling is read in both spellings of config.json", "[model][checkpoint]") {
  CHECK(ChangedFolder().config().rope.scaling == "none");
  CHECK(ChangedFolder("rope_scaling", "null").config().rope.scaling == "none");
  const RopeConfig linear =
      ChangedFolder("rope_scaling", R"({"type": "linear", "factor": 2.5})").config().rope;
  CHECK(linear.scaling == "linear");
  CHECK(linear.factor == 2.5);
  const char* const llama3 = R"({"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
      "high_freq_factor": 4.0, "original_max_position_embeddings": 8192, "rope_theta": 500000.0})";
  for (const char* const key : {"rope_scaling", "rope_parameters"}) {
    const RopeConfig rope = ChangedFolder(key, llama3).config().rope;
    CHECK(rope.scaling == "llama3");
    CHECK(rope.theta == 500000);
    CHECK(rope.factor == 32);
    CHECK(rope.low_freq_factor == 1);
    CHECK(rope.high_freq_factor == 4);
    CHECK(rope.original_context == 8192);
  }
  CHECK(ChangedFolder("rope_parameters", R"({"rope_type": "default", "rope_theta": 7.0})")
            .config()
            .rope.theta == 7);
}

TEST_CASE("rope scaling of GGUF: linear, and the factors of llama 3 files", "[model][checkpoint]") {
  CHECK(gguf_config(whole_gguf_model()).rope.scaling == "none");
  const RopeConfig linear = gguf_config(whole_gguf_model()
                                            .string("llama.rope.scaling.type", "linear")
                                            .number("llama.rope.scaling.factor", 4))
                                .rope;
  CHECK(linear.scaling == "linear");
  CHECK(linear.factor == 4);
  const RopeConfig factors =
      gguf_config(whole_gguf_model().vector("rope_freqs.weight", Matrix(1, 2, {1, 8}))).rope;
  CHECK(factors.scaling == "factors");
  CHECK(factors.frequency_factors == std::vector<float>{1, 8});
  CHECK(gguf_error(whole_gguf_model().vector("rope_freqs.weight", Matrix(1, 3, {1, 1, 8}))) ==
        "m.gguf: expected 2 rope factors, got 3");
  CHECK(gguf_error(whole_gguf_model().string("llama.rope.scaling.type", "yarn")) ==
        "m.gguf: key 'llama.rope.scaling.type': 'yarn' is not supported; there are: none linear");
}

TEST_CASE("the factors of a GGUF file divide the frequencies", "[model][checkpoint]") {
  ModelConfig config;
  config.head_dim = 4;  // frequencies 1 and 10000^(-1/2) = 0.01
  config.rope.scaling = "factors";
  config.rope.frequency_factors = {2, 8};
  const RopeTable table = make_rope_table(config, 2);
  CHECK(table.sines(1, 0) == Approx(std::sin(0.5)).epsilon(1e-6));
  CHECK(table.sines(1, 1) == Approx(std::sin(0.00125)).epsilon(1e-6));
}

TEST_CASE("tokens that end a generation are gathered, eos stays one", "[model][checkpoint]") {
  const GgufBuilder gguf =
      whole_gguf_model()
          .strings("tokenizer.ggml.tokens", {"<|im_end|>", "a", "<|endoftext|>", "<|end|>", "b"})
          .integers("tokenizer.ggml.token_type", {3, 1, 3, 1, 1})  // <|end|> is plain text here
          .integer("tokenizer.ggml.eos_token_id", 2)
          .integer("tokenizer.ggml.eot_token_id", 4)
          .integer("tokenizer.ggml.bos_token_id", 1);
  const ModelConfig config = gguf_config(gguf);
  CHECK(config.bos == 1);
  CHECK(config.eos == 2);
  CHECK(config.pad == -1);
  CHECK(config.end_of_generation == std::vector<int32_t>{0, 2, 4});

  ChangedFolder folder("eos_token_id", "[9, 7]");
  folder.change("generation_config.json", "eos_token_id", "[7, 200]");
  CHECK(folder.config().eos == 9);
  CHECK(folder.config().end_of_generation == std::vector<int32_t>{7, 9, 200});
}

TEST_CASE("a sliding window shortens the context where the architecture has one",
          "[model][checkpoint]") {
  ChangedFolder llama("sliding_window", "16");
  CHECK(llama.config().context == 64);  // the original ignores the key
  llama.change("config.json", "model_type", "\"mistral\"");
  llama.change("config.json", "architectures", "[\"MistralForCausalLM\"]");
  CHECK(llama.config().context == 16);
  ChangedFolder qwen2("sliding_window", "16", {.architecture = "qwen2"});
  CHECK(qwen2.config().context == 64);
  qwen2.change("config.json", "use_sliding_window", "true");
  CHECK(qwen2.config().context == 16);
}

TEST_CASE("a config that cannot be run is one line that says why", "[model][checkpoint]") {
  CHECK(config_error("model_type", "\"gemma\"") ==
        "tiny/config.json: architecture 'gemma' is not supported; there are: llama mistral qwen2");
  CHECK(config_error("model_type", "") == "tiny/config.json: missing key 'model_type'");
  CHECK(config_error("architectures", "[\"LlamaForSequenceClassification\"]") ==
        "tiny/config.json: key 'architectures': expected [\"LlamaForCausalLM\"], got "
        "[\"LlamaForSequenceClassification\"]");
  CHECK(config_error("hidden_size", "") == "tiny/config.json: missing key 'hidden_size'");
  CHECK(config_error("hidden_size", "\"16\"") ==
        "tiny/config.json: key 'hidden_size': expected an integer, got string");
  CHECK(config_error("hidden_size", "-1") ==
        "tiny/config.json: key 'hidden_size': expected an integer >= 0, got -1");
  CHECK(config_error("hidden_size", "4294967296") ==
        "tiny/config.json: expected 1 <= hidden size < 2^31, got 4294967296");
  CHECK(config_error("num_hidden_layers", "2000000000") ==
        "tiny: 21 tensors cannot make 2000000000 layers");
  CHECK(config_error("num_key_value_heads", "3") ==
        "tiny/config.json: 4 heads cannot share 3 key/value heads");
  CHECK(config_error("num_key_value_heads", "0") ==
        "tiny/config.json: expected 1 <= key/value heads < 2^31, got 0");
  CHECK(config_error("num_attention_heads", "0") ==
        "tiny/config.json: expected 1 <= heads < 2^31, got 0");
  CHECK(config_error("rms_norm_eps", "0") == "tiny/config.json: expected norm epsilon > 0, got 0");
  CHECK(config_error("eos_token_id", "262") ==
        "tiny/config.json: expected the eos token to be below 262, got 262");
  CHECK(config_error("hidden_act", "\"gelu\"") ==
        "tiny/config.json: key 'hidden_act': 'gelu' is not supported; there are: silu");
  CHECK(config_error("quantization_config", "{\"bits\": 4}") ==
        "tiny/config.json: key 'quantization_config': packed Hugging Face weights are not read");
  CHECK(config_error("rope_scaling", R"({"rope_type": "yarn", "factor": 2})") ==
        "tiny/config.json: key 'rope_scaling.rope_type': 'yarn' is not supported; there are: "
        "default linear llama3");
  CHECK(config_error("rope_scaling", R"({"rope_type": "llama3", "factor": 2})") ==
        "tiny/config.json: missing key 'rope_scaling.low_freq_factor'");
  CHECK(config_error("rope_parameters", R"({"full_attention": {"rope_type": "default"}})") ==
        "tiny/config.json: key 'rope_parameters.full_attention': rotation that differs between "
        "layers is not "
        "supported");
}

TEST_CASE("tensors that are missing, misshapen or without a place are named",
          "[model][checkpoint]") {
  CHECK(config_error("num_hidden_layers", "3") ==
        "tiny: missing tensor 'model.layers.2.input_layernorm.weight', expected [16]");
  CHECK(
      config_error("num_hidden_layers", "1") ==
      "tiny: tensor 'model.layers.1.input_layernorm.weight' has no place in architecture 'llama'");
  CHECK(config_error("intermediate_size", "32") ==
        "tiny: tensor 'model.layers.0.mlp.gate_proj.weight': expected [32, 16], got [24, 16]");
  CHECK(config_error("attention_bias", "true") ==
        "tiny: missing tensor 'model.layers.0.self_attn.q_proj.bias', expected [16]");
  CHECK(config_error("tie_word_embeddings", "true")
            .empty());  // a head that is written out is not read
  CHECK(ChangedFolder("tie_word_embeddings", "false", {.tied_head = true}).error() ==
        "tiny: missing tensor 'lm_head.weight', expected [262, 16]");
  CHECK(gguf_error(gguf_model()) ==
        "m.gguf: missing tensor 'blk.0.attn_q.weight', expected [4, 4]");
  CHECK(gguf_error(gguf_model().matrix("blk.0.attn_q.weight", Matrix(4, 5))) ==
        "m.gguf: tensor 'blk.0.attn_q.weight': expected [4, 4], got [4, 5]");
  CHECK(gguf_error(whole_gguf_model().vector("blk.0.attn_q_norm.weight", Matrix(1, 4))) ==
        "m.gguf: tensor 'blk.0.attn_q_norm.weight' has no place in architecture 'llama'");
  CHECK(gguf_error(whole_gguf_model().integer("llama.expert_count", 8)) ==
        "m.gguf: key 'llama.expert_count': mixtures of experts are not supported");
  CHECK(gguf_error(whole_gguf_model().integer("llama.rope.dimension_count", 2)) ==
        "m.gguf: key 'llama.rope.dimension_count': expected the whole head, 4: partial rotation is "
        "not supported");
  CHECK(gguf_error(whole_gguf_model().integer("tokenizer.ggml.eos_token_id", 5)) ==
        "m.gguf: key 'tokenizer.ggml.eos_token_id': expected a token below 5, got 5");
  CHECK(gguf_error(GgufBuilder().string("general.architecture", "mamba")) ==
        "m.gguf: architecture 'mamba' is not supported; there are: llama qwen2");
  CHECK(gguf_error(GgufBuilder()) == "m.gguf: missing key 'general.architecture'");
}

TEST_CASE("a path that is no checkpoint says what was expected", "[model][checkpoint]") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(open_checkpoint(folder.path("none")),
                    folder.path("none") + ": no such file or folder");
  CHECK_THROWS_WITH(
      open_checkpoint(folder.path()),
      folder.path() + ": expected a .gguf file or a folder with config.json and *.safetensors");
  write_text(folder.path("config.json"), "{}");
  CHECK_THROWS_WITH(open_checkpoint(folder.path()), folder.path() + ": no *.safetensors file");
}

TEST_CASE("an index that names a wrong file is refused", "[model][safetensors]") {
  ChangedFolder folder("", "", {.shards = 2});
  const std::string index = "model.safetensors.index.json";
  folder.change(index, "weight_map", R"({"lm_head.weight": "../model-1-of-2.safetensors"})");
  CHECK(folder.error() ==
        "tiny/" + index +
            ": key 'weight_map.lm_head.weight': expected the name of a file in the same folder");
  folder.change(index, "weight_map", R"({"nonsense": "model-1-of-2.safetensors"})");
  CHECK(folder.error() ==
        "tiny/" + index + ": tensor 'nonsense' is not in model-1-of-2.safetensors");
  std::filesystem::remove(folder.path + "/" + index);
  CHECK(folder.error().empty());  // every *.safetensors
  std::filesystem::copy(folder.path + "/model-1-of-2.safetensors",
                        folder.path + "/model-3.safetensors");
  CHECK(folder.error() ==
        "tiny/model-3.safetensors: tensor 'lm_head.weight' is in model-1-of-2.safetensors too");
}

TEST_CASE("the real model's config and tensors are those of the reference",
          "[model][checkpoint][golden]") {
  const char* const path = std::getenv("EVALHARNESS_TEST_MODEL");
  if (path == nullptr) {
    std::cerr << "SKIPPED: EVALHARNESS_TEST_MODEL is not set\n";
    return;
  }
  const auto checkpoint = open_checkpoint(path);
  const ModelConfig& config = checkpoint->config();
  CHECK(config.architecture == "llama");
  CHECK(std::vector<size_t>{config.vocab, config.hidden, config.intermediate, config.layers,
                            config.heads, config.kv_heads, config.head_dim, config.context} ==
        std::vector<size_t>{49152, 576, 1536, 30, 9, 3, 64, 8192});
  CHECK(config.rope.theta == 100000);
  CHECK(config.tied_head);
  CHECK(std::vector<int32_t>{config.bos, config.eos, config.pad} == std::vector<int32_t>{1, 2, 2});
  CHECK(config.end_of_generation == std::vector<int32_t>{0, 2});

  std::ifstream golden(home_path("test/golden/smollm2_tensors.txt"));
  REQUIRE(golden.is_open());
  size_t tensors = 0;
  for (std::string line; std::getline(golden, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    std::string name, sha256;
    size_t rows = 0, cols = 0;
    double sum = 0, sum_of_squares = 0;
    fields >> name >> rows >> cols >> sum >> sum_of_squares >> sha256;
    INFO(name);
    const Matrix values = checkpoint->read(name);  // [rows, cols]
    REQUIRE(values.rows() == rows);
    REQUIRE(values.cols() == cols);
    for (size_t j = 0; j < 8; ++j) {
      double expected = 0;
      fields >> expected;
      CHECK(static_cast<double>(values(0, j)) == expected);
    }
    // The order of adding differs: 1e-9 of the magnitudes added.
    CHECK(sum_of(values, [](double x) { return x; }) == Approx(sum).margin(1e-9 * sum_of_squares));
    CHECK(sum_of(values, [](double x) { return x * x; }) == Approx(sum_of_squares).epsilon(1e-9));
    CHECK(sha256_hex(std::as_bytes(values.values())) == sha256);
    ++tensors;
  }
  CHECK(tensors == 5);
}

}  // namespace evalharness
