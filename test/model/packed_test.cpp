// A packed folder: every format back bit-equal, and files that lie.
#include "harness/model/packed.h"
#include "harness/model/tokenizer.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"
#include "harness/model/model_config_json.h"
#include "harness/ops/format_registry.h"
#include "test/support/environment.h"
#include "test/support/temporary_folder.h"
#include "test/support/tiny_files.h"
#include "test/support/weight_cases.h"

using namespace evalharness;

namespace {

const TinyOptions kShape = {.hidden = 64, .intermediate = 128, .head_dim = 16};

// The tiny model with its linears in a format, in a packed folder.
struct Packed {
  explicit Packed(const std::string& format, const TinyOptions& options = kShape) {
    write_tiny_folder(folder.path("model"), options);
    const WeightFormat known = weight_format(format);
    model = load_model(*open_checkpoint(folder.path("model")),
                       format.find("f32") != std::string::npos ? Dtype::f32 : Dtype::bf16,
                       [&](MatrixView w) { return known.nearest(format, w); });
    std::filesystem::create_directories(folder.path("packed"));
    save_packed(model, {"tiny", "abc"}, folder.path("packed"));
  }
  std::string weights() const { return read_text(folder.path("packed/model.safetensors")); }
  // The file with other bytes, and config.json with their sum: what is wrong with them must be
  // found elsewhere.
  void set_weights(const std::string& bytes) const {
    write_file(folder.path("packed/model.safetensors"), bytes);
    Value config = parse_json(read_text(folder.path("packed/config.json")), "config");
    config.set("weights_sha256", sha256_hex(bytes));
    write_text(folder.path("packed/config.json"), to_json(config, 2));
  }
  Model load() const { return load_model(*open_checkpoint(folder.path("packed")), model.dtype); }
  // The text of the failure, with the folder left out; "" where there is none.
  std::string error() const {
    try {
      load();
    } catch (const Error& error) {
      return replace_all(error.what(), folder.path("packed/"), "");
    }
    return "";
  }

  TemporaryFolder folder;
  Model model;
};

std::map<std::string, std::string> all_bytes(const Model& model) {
  std::map<std::string, std::string> bytes;
  visit_weights(
      model,
      [&](const std::string& name, const LinearOp& op) {
        MemoryTensors parts;
        op.save(parts);
        for (const auto& [part, tensor] : parts.parts())
          bytes[cat(name, " ", op.format(), " ", part, " ", tensor.dtype)] =
              std::string(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
      },
      [&](const std::string& name, std::span<const float> values) {
        const auto raw = std::as_bytes(values);
        bytes[name] = std::string(reinterpret_cast<const char*>(raw.data()), raw.size());
      });
  return bytes;
}

// One change of the header's text.
std::string with_header(const std::string& file, const std::string& from, const std::string& to) {
  uint64_t length;
  std::memcpy(&length, file.data(), sizeof length);
  const std::string header = file.substr(8, length);
  REQUIRE(header.find(from) != std::string::npos);
  const std::string changed = replace_all(header, from, to);
  length = changed.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + changed +
         file.substr(8 + header.size());
}

}  // namespace

TEST_CASE("every weight format is saved and loaded bit-equal", "[model][packed]") {
  for (const std::string& format : test::format_names()) {
    CAPTURE(format);
    const Packed packed(format);
    const Model loaded = packed.load();
    CHECK(all_bytes(loaded) == all_bytes(packed.model));
    CHECK(loaded.dtype == packed.model.dtype);
    CHECK(model_config_value(loaded.config) == model_config_value(packed.model.config));
  }
}

TEST_CASE("biases, a tied head and odd rope factors are saved too", "[model][packed]") {
  TinyOptions options = kShape;
  options.architecture = "qwen2";
  options.tied_head = true;
  const Packed packed("dense.bf16", options);
  CHECK(all_bytes(packed.load()) == all_bytes(packed.model));

  ModelConfig config = packed.model.config;
  config.rope.scaling = "factors";
  config.rope.frequency_factors = {1.1f, 2, 3, 4, 5, 6, 7, 1e-7f};
  config.rope.theta = 1e6 / 3;
  config.norm_epsilon = 1e-5f;
  config.pad = -1;
  config.end_of_generation = {3, 7};
  const Value value = model_config_value(config);
  const ModelConfig back = model_config_from(JsonFields(parse_json(to_json(value), "c"), "c"));
  CHECK(model_config_value(back) == value);
  CHECK(back.rope.frequency_factors == config.rope.frequency_factors);
  CHECK(back.rope.theta == config.rope.theta);
}

TEST_CASE("a GGUF file's tokenizer is rebuilt from its keys", "[model][packed][tokenizer]") {
  const TemporaryFolder folder;
  write_tiny_gguf(folder.path("tiny.gguf"), kShape);
  std::filesystem::create_directories(folder.path("to"));
  save_tokenizer(folder.path("tiny.gguf"), folder.path("to"));
  const auto before = open_tokenizer(folder.path("tiny.gguf")),
             after = open_tokenizer(folder.path("to"));
  CHECK(after->hash() == before->hash());
  CHECK(after->encode("in the end <|endoftext|>") == before->encode("in the end <|endoftext|>"));
  CHECK(std::filesystem::file_size(folder.path("to/tokenizer.gguf")) <
        std::filesystem::file_size(folder.path("tiny.gguf")));
}

TEST_CASE("a packed file that lies is one line that names file and tensor", "[model][packed]") {
  const Packed packed("int4.g64.f32");
  const std::string good = packed.weights();
  const std::string q = "model.layers.0.self_attn.q_proj.weight";
  const auto error_of = [&](const std::string& from, const std::string& to) {
    packed.set_weights(with_header(good, from, to));
    return packed.error();
  };
  CHECK(error_of(q + "/scales", q + "/scalps") ==
        "model.safetensors: tensor '" + q + "': int4.g64.f32 [64, 64]: no part 'scales'");
  CHECK(error_of(q + "/scales", q + "x/scales") ==
        "model.safetensors: tensor '" + q + "x/scales': no metadata for '" + q + "x'");
  CHECK(error_of("\"" + q + "\":\"{\\\"format\\\":\\\"int4.g64",
                 "\"" + q + "\":\"{\\\"format\\\":\\\"int5.g64") ==
        "model.safetensors: tensor '" + q +
            "': int5.g64.f32 [64, 64]: part 'codes': expected 2560 bytes, got 2048");
  CHECK(error_of("int4.g64.f32", "nf4").find("unknown weight format 'nf4'") != std::string::npos);
  CHECK(error_of("\"" + q + "\":\"{", "\"" + q + "\":\"[").find("metadata of '" + q + "'") !=
        std::string::npos);
  CHECK(error_of("\\\"out\\\":64,\\\"in\\\":64", "\\\"out\\\":64,\\\"in\\\":2147483647")
            .find("expected [64, 64], got [64, 2147483647]") != std::string::npos);
  CHECK(error_of("model.norm.weight", "model.norn.weight") ==
        "model.safetensors: missing tensor 'model.norm.weight', expected [64]");

  write_file(packed.folder.path("packed/model.safetensors"), good.substr(0, good.size() - 1) + "x");
  CHECK(packed.error().find("the file was changed since it was saved") != std::string::npos);
  Value config = parse_json(read_text(packed.folder.path("packed/config.json")), "config");
  config.set("evalharness_packed", 1);
  write_text(packed.folder.path("packed/config.json"), to_json(config));
  CHECK(packed.error() ==
        "config.json: key 'evalharness_packed': expected 2, got 1: written by another version of "
        "this program");
}

TEST_CASE("sizes beyond the file are refused before memory is taken for them", "[model][packed]") {
  const Packed packed("dense.bf16");
  Value config = parse_json(read_text(packed.folder.path("packed/config.json")), "config");
  Value model = *config.find("model");
  for (const char* key : {"vocab", "hidden"}) model.set(key, 2147483647);
  config.set("model", model);
  write_text(packed.folder.path("packed/config.json"), to_json(config));
  packed.set_weights(with_header(packed.weights(), "\\\"out\\\":262,\\\"in\\\":64",
                                 "\\\"out\\\":2147483647,\\\"in\\\":2147483647"));
  CHECK(packed.error() != "");
  CHECK_THROWS_WITH(load_linear("dense.f32", 2147483647, 2147483647, {}),
                    "weight [2147483647, 2147483647]: expected at most 1099511627776 places");
}

TEST_CASE("no change of a packed file's bytes crashes the reader", "[model][packed][fuzz]") {
  for (const std::string format : {"sparse.bitmask.bf16", "sparse.2:4.bf16", "int3.g32.bf16"}) {
    const Packed packed(format, {.hidden = 16, .intermediate = 16, .layers = 1});
    const std::string good = packed.weights();
    Rng rng(7, "packed.fuzz");
    for (size_t round = 0; round < 40; ++round) {
      std::string bad = good;
      for (size_t change = 0; change <= rng.next() % 3; ++change)
        bad[rng.next() % (round % 2 == 0 ? 4000 : bad.size())] = static_cast<char>(rng.next());
      if (round % 5 == 0) bad.resize(rng.next() % bad.size());
      packed.set_weights(bad);
      packed.error();  // loads, or says why not
    }
  }
}
