// GGUF files: every value type, every tensor type, and files that lie.
#include <bit>
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>

#include "harness/base/error.h"
#include "harness/base/mapped_file.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"
#include "harness/math/float16.h"
#include "harness/model/gguf.h"
#include "harness/model/gguf_dequantise.h"
#include "harness/model/gguf_header.h"
#include "test/support/gguf_builder.h"
#include "test/support/home.h"
#include "test/support/temporary_folder.h"

namespace evalharness {
namespace {

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

GgufHeader parsed_header(const std::string& bytes) { return parse_gguf_header(as_bytes(bytes), "m.gguf"); }

// Reads a file of these bytes from a folder of its own.
template <class Use>
auto with_file(const std::string& bytes, Use use) {
  const TemporaryFolder folder;
  write_text(folder.path("m.gguf"), bytes);
  return use(GgufFile(folder.path("m.gguf")));
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

// A little of everything, for mutation: keys of all kinds and tensors of three types.
std::string made_up_file() {
  return GgufBuilder()
      .string("general.architecture", "llama")
      .integer("general.alignment", 32)
      .integer("llama.block_count", 2)
      .number("llama.rope.freq_base", 10000)
      .boolean("tokenizer.ggml.add_bos_token", true)
      .strings("tokenizer.ggml.tokens", {"a", "bc", "", "def"})
      .integers("tokenizer.ggml.token_type", {1, 1, 3, 1})
      .matrix("token_embd.weight", Matrix(2, 3, {1, 2, 3, 4, 5, 6}))
      .tensor("blk.0.attn_q.weight", 3, {2, 64}, std::string(2 * 2 * 20, '\x11'))
      .tensor("blk.0.ffn_up.weight", 14, {1, 256}, std::string(210, '\x22'))
      .vector("output_norm.weight", Matrix(1, 4, {1, 1, 1, 1}))
      .bytes();
}

}  // namespace

TEST_CASE("a half becomes the float of the same value, and goes back", "[model][float16]") {
  CHECK(from_float16(0x3c00) == 1.0f);
  CHECK(from_float16(0xc000) == -2.0f);
  CHECK(from_float16(0x0001) == 0x1p-24f);
  CHECK(from_float16(0x7bff) == 65504.0f);
  CHECK(std::signbit(from_float16(0x8000)));
  CHECK(std::isinf(from_float16(0x7c00)));
  CHECK(std::isnan(from_float16(0x7e01)));
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto value = static_cast<uint16_t>(bits);
    if (!std::isnan(from_float16(value)) && to_float16(from_float16(value)) != value)
      FAIL("half " << bits);
  }
  CHECK(to_float16(1.0f + 0x1p-11f) == 0x3c00);      // a tie goes to even: down
  CHECK(to_float16(1.0f + 3 * 0x1p-11f) == 0x3c02);  // and up
  CHECK(to_float16(65519.0f) == 0x7bff);
  CHECK(to_float16(65520.0f) == 0x7c00);
  CHECK(to_float16(0x1p-25f) == 0x0000);  // half of the smallest: a tie, to even
  CHECK(to_float16(0x1.8p-25f) == 0x0001);
}

TEST_CASE("every tensor type is dequantised to the bits that ggml gives", "[model][gguf]") {
  std::ifstream golden(home_path("test/golden/gguf_blocks.txt"));
  REQUIRE(golden.is_open());
  size_t types = 0;
  std::string name, blocks, expected;
  for (std::string line; std::getline(golden, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream(line) >> name >> blocks >> expected;
    const GgufType* const type = find_gguf_type(name);
    REQUIRE(type != nullptr);
    const std::string block_bytes = from_hex(blocks), expected_bytes = from_hex(expected);
    const size_t values = expected_bytes.size() / 4;
    const std::string file = GgufBuilder().tensor("x", type->id, {1, values}, block_bytes).bytes();
    const Matrix read = with_file(file, [](const GgufFile& gguf) { return gguf.read("x"); });
    REQUIRE(read.size() == values);
    INFO(name);
    CHECK(std::memcmp(read.values().data(), expected_bytes.data(), expected_bytes.size()) == 0);
    ++types;
  }
  CHECK(types == gguf_types().size());
}

TEST_CASE("keys of every type are read, in versions 2 and 3", "[model][gguf]") {
  GgufBuilder builder;
  builder.key("u8", 0, GgufBytes().number(uint8_t{200}).bytes())
      .key("i8", 1, GgufBytes().number(int8_t{-3}).bytes())
      .key("u16", 2, GgufBytes().number(uint16_t{60000}).bytes())
      .key("i16", 3, GgufBytes().number(int16_t{7}).bytes())
      .integer("u32", 4000000000u)
      .key("i32", 5, GgufBytes().number(int32_t{-5}).bytes())
      .number("f32", 0.5f)
      .boolean("yes", true)
      .string("text", "llama")
      .strings("texts", {"a", "", "b"})
      .integers("list", {1, -2})
      .key("flags", 9, GgufBytes().number(uint32_t{7}).number(uint64_t{2}).raw({"\1\0", 2}).bytes())
      .key("reals", 9, GgufBytes().number(uint32_t{6}).number(uint64_t{1}).number(1.5f).bytes())
      .key("u64", 10, GgufBytes().number(~uint64_t{0}).bytes())
      .key("i64", 11, GgufBytes().number(int64_t{9}).bytes())
      .key("f64", 12, GgufBytes().number(0.1).bytes());
  for (const uint32_t version : {2u, 3u})
    with_file(builder.bytes(version), [](const GgufFile& file) {
      CHECK(file.integer("u8") == 200);
      CHECK(file.number("i8") == -3);
      CHECK(file.integer("u16") == 60000);
      CHECK(file.integer("i16") == 7);
      CHECK(file.integer("u32") == 4000000000u);
      CHECK(file.number("f32") == 0.5);
      CHECK(file.find_bool("yes") == true);
      CHECK(file.string("text") == "llama");
      CHECK(file.strings("texts") == std::vector<std::string>{"a", "", "b"});
      CHECK(*file.find_integers("list") == std::vector<int64_t>{1, -2});
      CHECK(*file.find_integers("flags") == std::vector<int64_t>{1, 0});
      CHECK(*file.find_numbers("reals") == std::vector<double>{1.5});
      CHECK(file.integer("u64") == ~uint64_t{0});
      CHECK(file.integer("i64") == 9);
      CHECK(file.number("f64") == 0.1);
      CHECK(file.find_integer("none") == std::nullopt);
      CHECK(file.find_strings("none") == nullptr);
      const std::string path = file.path();
      CHECK_THROWS_WITH(file.integer("none"), path + ": missing key 'none'");
      CHECK_THROWS_WITH(file.integer("text"),
                        path + ": key 'text': expected an integer, got a string");
      CHECK_THROWS_WITH(file.integer("i32"),
                        path + ": key 'i32': expected an integer >= 0, got -5");
      CHECK_THROWS_WITH(file.strings("list"),
                        path + ": key 'list': expected a list of strings, got a list of integers");
      CHECK_THROWS_WITH(file.read("none"), path + ": no tensor 'none'");
    });
}

TEST_CASE("a tensor's shape is outermost first, a vector is one row", "[model][gguf]") {
  with_file(made_up_file(), [](const GgufFile& file) {
    CHECK(file.tensor("token_embd.weight").shape == std::vector<size_t>{2, 3});
    CHECK(file.read("token_embd.weight") == Matrix(2, 3, {1, 2, 3, 4, 5, 6}));
    CHECK(file.read("output_norm.weight") == Matrix(1, 4, {1, 1, 1, 1}));
    CHECK(file.tensor("blk.0.attn_q.weight").type == "Q4_1");
  });
}

TEST_CASE("a GGUF file that lies is one line that names the file and the place", "[model][gguf]") {
  const auto with_keys = [](uint64_t count, const std::string& keys) {
    return GgufBytes()
        .raw("GGUF")
        .number(3u)
        .number(uint64_t{0})
        .number(count)
        .raw(keys)
        .raw(std::string(64, '\0'))
        .bytes();
  };
  const auto with_tensor = [](const std::string& entry, size_t data) {
    std::string bytes = GgufBytes()
                            .raw("GGUF")
                            .number(3u)
                            .number(uint64_t{1})
                            .number(uint64_t{0})
                            .raw(entry)
                            .bytes();
    bytes.resize((bytes.size() + 31) / 32 * 32 + data);
    return bytes;
  };
  const auto entry = [](const std::vector<uint64_t>& lengths, uint32_t type, uint64_t offset) {
    GgufBytes bytes;
    bytes.text("t").number(static_cast<uint32_t>(lengths.size()));
    for (const uint64_t length : lengths) bytes.number(length);
    return bytes.number(type).number(offset).bytes();
  };
  const uint64_t huge = uint64_t{1} << 62;

  CHECK_THROWS_WITH(parsed_header(""), "m.gguf: not a GGUF file");
  CHECK_THROWS_WITH(parsed_header("PK\3\4aaaaaaaaaaaaaaaaaaaaa"), "m.gguf: not a GGUF file");
  CHECK_THROWS_WITH(parsed_header(GgufBytes().raw("GGUF").number(1u).bytes()),
                    "m.gguf: expected GGUF version 2 or 3, got 1");
  CHECK_THROWS_WITH(parsed_header(GgufBytes().raw("GGUF").number(0x03000000u).bytes()),
                    "m.gguf: big-endian GGUF is not supported");
  CHECK_THROWS_WITH(parsed_header(GgufBytes().raw("GGUF").number(3u).bytes()),
                    "m.gguf: truncated: 8 bytes wanted at offset 8, 0 left");
  CHECK_THROWS_WITH(parsed_header(GgufBytes().raw("GGUF").number(3u).number(huge).number(huge).bytes()),
                    "m.gguf: 4611686018427387904 tensors cannot fit in the 8 bytes that are left");
  CHECK_THROWS_WITH(parsed_header(with_keys(huge, "")),
                    "m.gguf: 4611686018427387904 keys cannot fit in the 64 bytes that are left");
  CHECK_THROWS_WITH(
      parsed_header(with_keys(1, GgufBytes().number(huge).bytes())),
      "m.gguf: key 1 of 1: truncated: 4611686018427387904 bytes wanted at offset 32, 64 left");
  CHECK_THROWS_WITH(parsed_header(with_keys(1, GgufBytes().text("k").number(13u).bytes())),
                    "m.gguf: key 'k': no such value type: 13");
  CHECK_THROWS_WITH(
      parsed_header(with_keys(1, GgufBytes().text("\nk\xff").number(8u).number(huge).bytes())),
      "m.gguf: key '?k?': truncated: 4611686018427387904 bytes wanted at offset 47, 64 left");
  CHECK_THROWS_WITH(
      parsed_header(with_keys(1, GgufBytes().text("k").number(9u).number(9u).number(huge).bytes())),
      "m.gguf: key 'k': a list of lists is not supported");
  CHECK_THROWS_WITH(
      parsed_header(with_keys(1, GgufBytes().text("k").number(9u).number(4u).number(huge).bytes())),
      "m.gguf: key 'k': 4611686018427387904 items cannot fit in the 64 bytes that are left");
  CHECK_THROWS_WITH(parsed_header(GgufBuilder().integer("k", 1).integer("k", 1).bytes()),
                    "m.gguf: key 'k': twice in the file");
  CHECK_THROWS_WITH(parsed_header(GgufBuilder().integer("general.alignment", 24).bytes()),
                    "m.gguf: key 'general.alignment': expected a power of two below 2^32");
  CHECK_THROWS_WITH(parsed_header(GgufBuilder().integer("general.alignment", 0).bytes()),
                    "m.gguf: key 'general.alignment': expected a power of two below 2^32");

  CHECK_THROWS_WITH(parsed_header(with_tensor(entry({}, 0, 0), 64)),
                    "m.gguf: tensor 't': expected 1 to 4 dimensions, got 0");
  CHECK_THROWS_WITH(parsed_header(with_tensor(entry({1, 1, 1, 1, 1}, 0, 0), 64)),
                    "m.gguf: tensor 't': expected 1 to 4 dimensions, got 5");
  CHECK_THROWS_WITH(parsed_header(with_tensor(entry({4, 0}, 0, 0), 64)),
                    "m.gguf: tensor 't': a dimension is zero");
  CHECK_THROWS_WITH(parsed_header(with_tensor(entry({4}, 23, 0), 64)),
                    "m.gguf: tensor 't': ggml type 23 is not read here; there are: F32 F16 BF16 "
                    "Q8_0 Q4_0 Q4_1 Q5_0 "
                    "Q5_1 Q2_K Q3_K Q4_K Q5_K Q6_K");
  CHECK_THROWS_WITH(parsed_header(with_tensor(entry({48, 1}, 2, 0), 64)),
                    "m.gguf: tensor 't': rows of 48 values do not divide into blocks of 32 (Q4_0)");
  CHECK_THROWS_WITH(parsed_header(with_tensor(entry({4}, 0, 8), 64)),
                    "m.gguf: tensor 't': offset 8 is not a multiple of 32");
  CHECK_THROWS_WITH(
      parsed_header(with_tensor(entry({4}, 0, huge), 64)),
      "m.gguf: tensor 't': starts past the end of the file (offset 4611686018427387904)");
  CHECK_THROWS_WITH(parsed_header(with_tensor(entry({17}, 0, 0), 64)),
                    "m.gguf: tensor 't': ends past the end of the file (64 bytes from its start)");
  CHECK_NOTHROW(parsed_header(with_tensor(entry({16}, 0, 0), 64)));
  // 2^62 rows of 4 values of 4 bytes: 2^66 bytes, which is 0 in 64 bits.
  CHECK_THROWS_WITH(parsed_header(with_tensor(entry({4, huge}, 0, 0), 64)),
                    "m.gguf: tensor 't': ends past the end of the file (64 bytes from its start)");
  CHECK_THROWS_WITH(parsed_header(with_tensor(entry({huge, huge, huge, huge}, 0, 0), 64)),
                    "m.gguf: tensor 't': ends past the end of the file (64 bytes from its start)");
  const std::string float_bytes(4, '\0');
  CHECK_THROWS_WITH(
      parsed_header(
          GgufBuilder().tensor("t", 0, {1}, float_bytes).tensor("t", 0, {1}, float_bytes).bytes()),
      "m.gguf: tensor 't': twice in the file");
  CHECK_THROWS_WITH(
      parsed_header(
          GgufBuilder().tensor("a", 0, {9}, float_bytes).tensor("b", 0, {1}, float_bytes).bytes()),
      "m.gguf: tensor 'b' overlaps tensor 'a'");
}

TEST_CASE("a GGUF file cut off anywhere is an error or is whole", "[model][gguf]") {
  const std::string whole = made_up_file();
  const GgufHeader header = parsed_header(whole);
  size_t needed = 0;
  for (const auto& [name, tensor] : header.tensors)
    needed = std::max(needed, static_cast<size_t>(tensor.bytes.data() + tensor.bytes.size() -
                                                  as_bytes(whole).data()));
  for (size_t size = 0; size < needed; ++size) {
    const std::string cut = whole.substr(0, size);
    CHECK_THROWS_AS(parsed_header(cut), Error);
  }
  CHECK_NOTHROW(parsed_header(whole.substr(0, needed)));
}

TEST_CASE("a GGUF file with random changes is read or refused in one line", "[model][gguf][fuzz]") {
  const std::string whole = made_up_file();
  const uint64_t telling[] = {0,
                              1,
                              0x7fffffff,
                              0xffffffff,
                              uint64_t{1} << 32,
                              uint64_t{1} << 62,
                              uint64_t{1} << 63,
                              ~uint64_t{0}};
  size_t read = 0, refused = 0;
  for (uint64_t trial = 0; trial < 20000; ++trial) {
    Rng rng(1, "test.gguf.fuzz", trial);
    std::string bytes = whole;
    for (uint64_t changes = 1 + rng.below(4); changes > 0; --changes) {
      const size_t at = rng.below(bytes.size() - 8);
      if (rng.below(2) == 0)
        bytes[at] = static_cast<char>(rng.below(256));
      else
        std::memcpy(bytes.data() + at, &telling[rng.below(std::size(telling))], 8);
    }
    try {
      // From the heap and of its own size, so that a sanitizer sees a read one byte past the end.
      const std::vector<char> exact(bytes.begin(), bytes.end());
      const GgufHeader header = parse_gguf_header(std::as_bytes(std::span(exact)), "m.gguf");
      for (const auto& [name, tensor] : header.tensors) {
        const GgufType& type = *find_gguf_type(tensor.type);
        std::vector<float> values(type.block_values);
        for (size_t at = 0; at < tensor.bytes.size(); at += type.block_bytes)
          type.dequantise(tensor.bytes.data() + at, values.data());
      }
      ++read;
    } catch (const Error& error) {
      const std::string text = error.what();
      if (!text.starts_with("m.gguf: ") || text.find('\n') != std::string::npos) FAIL(text);
      ++refused;
    }
  }
  // Both happen often, or the test tests nothing.
  CHECK(read > 2000);
  CHECK(refused > 2000);
}

}  // namespace evalharness
