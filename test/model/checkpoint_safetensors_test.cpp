// Safetensors files: the dtypes that are read, and files that lie.
#include <catch2/catch.hpp>

#include "harness/base/error.h"
#include "harness/base/mapped_file.h"
#include "harness/base/rng.h"
#include "harness/model/safetensors.h"
#include "test/support/gguf_builder.h"
#include "test/support/temporary_folder.h"
#include "test/support/tiny_files.h"

namespace evalharness {
namespace {

std::string safetensors_file(const std::string& header, const std::string& data = "") {
  return GgufBytes().number(uint64_t{header.size()}).raw(header).raw(data).bytes();
}

std::map<std::string, StoredTensor> parsed_tensors(const std::string& bytes) {
  return parse_safetensors(std::as_bytes(std::span(bytes.data(), bytes.size())), "m.safetensors");
}

}  // namespace

TEST_CASE("halves and bfloat16 of safetensors become float32", "[model][safetensors]") {
  const TemporaryFolder folder;
  const std::string halves("\x00\x3c\x00\xc0", 4), upper_halves("\x80\x3f\x00\xc0", 4);  // 1, -2
  write_text(folder.path("b.safetensors"),
             safetensors_bytes({{"half", "F16", {1, 2}, halves},
                                {"brain", "BF16", {2, 1}, upper_halves},
                                {"long", "I64", {1}, std::string(8, '\0')}}));
  const SafetensorsFolder tensors(folder.path());
  CHECK(tensors.read("half") == Matrix(1, 2, {1, -2}));
  CHECK(tensors.read("brain") == Matrix(2, 1, {1, -2}));
  CHECK_THROWS_WITH(
      tensors.read("long"),
      folder.path() + ": tensor 'long': dtype 'I64' is not read here; there are: F32 F16 BF16");
}

TEST_CASE("a safetensors file that lies is one line that names the file and the tensor",
          "[model][safetensors]") {
  const auto entry = [](const std::string& rest) {
    return safetensors_file("{\"t\":{" + rest + "}}", std::string(16, '\0'));
  };
  CHECK_THROWS_WITH(parsed_tensors("abc"), "m.safetensors: truncated: expected at least 8 bytes, got 3");
  CHECK_THROWS_WITH(parsed_tensors(GgufBytes().number(~uint64_t{0}).raw("{}").bytes()),
                    "m.safetensors: a header of 18446744073709551615 bytes cannot fit in the 2 "
                    "bytes that follow");
  CHECK_THROWS_AS(parsed_tensors(safetensors_file("{")), Error);
  CHECK_THROWS_WITH(parsed_tensors(safetensors_file("[]")),
                    "m.safetensors: expected a map as header, got list");
  CHECK_THROWS_WITH(parsed_tensors(safetensors_file("{\"t\":1}")),
                    "m.safetensors: tensor 't': expected a map, got integer");
  CHECK_THROWS_WITH(parsed_tensors(entry("\"shape\":[4]")),
                    "m.safetensors: tensor 't': missing key 'dtype'");
  CHECK_THROWS_WITH(parsed_tensors(entry(R"("dtype":"F32","shape":[-4],"data_offsets":[0,16])")),
                    "m.safetensors: tensor 't': key 'shape': expected a list of integers >= 0");
  CHECK_THROWS_WITH(parsed_tensors(entry(R"("dtype":"F32","shape":[4],"data_offsets":[0,17])")),
                    "m.safetensors: tensor 't': key 'data_offsets': expected two offsets within "
                    "the 16 bytes of the "
                    "file's data");
  CHECK_THROWS_WITH(parsed_tensors(entry(R"("dtype":"F32","shape":[4],"data_offsets":[16,0])")),
                    "m.safetensors: tensor 't': key 'data_offsets': expected two offsets within "
                    "the 16 bytes of the "
                    "file's data");
  CHECK_THROWS_WITH(
      parsed_tensors(entry(R"("dtype":"F32","shape":[3],"data_offsets":[0,16])")),
      "m.safetensors: tensor 't': key 'shape': does not take the 16 bytes between its offsets");
  // 2^62 * 4 * 4 bytes is 0 in 64 bits.
  CHECK_THROWS_WITH(
      parsed_tensors(entry(R"("dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0])")),
      "m.safetensors: tensor 't': key 'shape': does not take the 0 bytes between its offsets");
  CHECK_THROWS_WITH(
      parsed_tensors(safetensors_file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                             R"("b":{"dtype":"F32","shape":[1],"data_offsets":[3,7]}})",
                             std::string(7, '\0'))),
      "m.safetensors: tensor 'b' overlaps tensor 'a'");
}

TEST_CASE("a safetensors file with random changes is read or refused in one line",
          "[model][safetensors][fuzz]") {
  const std::string whole =
      safetensors_bytes({{"model.norm.weight", "F32", {2}, std::string(8, '\1')},
                         {"lm_head.weight", "BF16", {2, 3}, std::string(12, '\2')}});
  size_t read = 0, refused = 0;
  for (uint64_t trial = 0; trial < 5000; ++trial) {
    Rng rng(1, "test.safetensors.fuzz", trial);
    std::string bytes = whole;
    for (uint64_t changes = 1 + rng.below(3); changes > 0; --changes)
      bytes[rng.below(bytes.size())] = static_cast<char>("0123456789-[]{},:\"e\x80"[rng.below(20)]);
    const std::vector<char> exact(bytes.begin(), bytes.end());
    try {
      for (const auto& [name, tensor] :
           parse_safetensors(std::as_bytes(std::span(exact)), "m.safetensors"))
        for (const std::byte byte : tensor.bytes) read += byte == std::byte{0xff};
      ++read;
    } catch (const Error& error) {
      const std::string text = error.what();
      if (!text.starts_with("m.safetensors: ") && !text.starts_with("m.safetensors:")) FAIL(text);
      if (text.find('\n') != std::string::npos) FAIL(text);
      ++refused;
    }
  }
  CHECK(read > 500);
  CHECK(refused > 500);
}

}  // namespace evalharness
