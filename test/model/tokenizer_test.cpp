// The parts of tokenizers on vocabularies that fit the head, and files with mistakes.
#include <catch2/catch.hpp>
#include <chrono>

#include "harness/base/mapped_file.h"
#include "harness/base/parallel.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"
#include "harness/model/tokenizer/bpe.h"
#include "harness/model/tokenizer/byte_alphabet.h"
#include "harness/model/tokenizer/pipeline.h"
#include "harness/model/tokenizer/piece_pattern.h"
#include "harness/model/tokenizer/utf8.h"
#include "test/support/gguf_builder.h"
#include "test/support/temporary_folder.h"

namespace evalharness {
namespace {

using Ids = std::vector<int32_t>;

// Byte-level: "a" 0, "b" 1, "c" 2, "Ġ" (space) 3, "ab" 4, "bc" 5, "abc" 6, "<x>" 7.
// "bc" merges before "ab", and "a" "bc" becomes "abc".
TokenizerData small() {
  TokenizerData data;
  data.source = "small";
  const std::vector<std::string> spellings = {"a", "b", "c", "Ġ", "ab", "bc", "abc", "<x>"};
  data.added = {{.id = 7, .text = "<x>"}};
  data.bpe.merges = merges_from_pairs({{"b", "c"}, {"a", "b"}, {"a", "bc"}}, spellings, "small");
  fill_byte_level_vocabulary(data, spellings);
  return data;
}

Ids bpe_ids(BpeData data, std::string_view piece) {
  Ids ids;
  Bpe(std::move(data)).encode(piece, ids);
  return ids;
}

// The definition: while there is one, do the merge of lowest rank, the leftmost of equals.
Ids merged_step_by_step(const BpeData& data, Ids ids) {
  while (true) {
    const Merge* best = nullptr;
    size_t place = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      for (const Merge& merge : data.merges) {
        const bool fits = merge.left == ids[i] && merge.right == ids[i + 1];
        if (fits && (best == nullptr || merge.rank < best->rank)) {
          best = &merge;
          place = i;
        }
      }
    }
    if (best == nullptr) return ids;
    ids[place] = best->result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

std::string json_file(const std::string& parts) {
  return R"({"added_tokens": [], "decoder": {"type": "ByteLevel"}, )" + parts + "}";
}
const std::string kModel =
    R"("model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]})";
const std::string kByteLevel = R"("pre_tokenizer": {"type": "ByteLevel"}, )";

// The message with which opening the file fails; the folder's name is cut off.
std::string failure_of(const std::string& file, const std::string& bytes) {
  const TemporaryFolder folder;
  write_text(folder.path(file), bytes);
  try {
    open_tokenizer(file.ends_with(".gguf") ? folder.path(file) : folder.path());
  } catch (const std::exception& error) {
    return replace_all(error.what(), folder.path() + "/", "");
  }
  return "no failure";
}

std::string gguf_with(const std::string& model, const std::string& pre,
                      const std::vector<std::string>& merges) {
  GgufBuilder builder;
  builder.string("tokenizer.ggml.model", model).string("tokenizer.ggml.pre", pre);
  builder.strings("tokenizer.ggml.tokens", {"a", "b", "ab"});
  return builder.strings("tokenizer.ggml.merges", merges).bytes();
}

}  // namespace

TEST_CASE("the merge of lowest rank goes first, wherever it stands", "[tokenizer]") {
  CHECK(bpe_ids(small().bpe, "abc") == Ids{6});  // b+c, then a+bc
  CHECK(bpe_ids(small().bpe, "ab") == Ids{4});
  CHECK(bpe_ids(small().bpe, "abab") == Ids{4, 4});
  CHECK(bpe_ids(small().bpe, "bcb") == Ids{5, 1});
  CHECK(bpe_ids(small().bpe, "") == Ids{});
}

TEST_CASE("merges by queue equal merges by definition", "[tokenizer]") {
  BpeData data = small().bpe;
  // Random rules over few tokens: many candidates, equal ranks, merges that undo each other's
  // chances.
  Rng rng(7, "test.tokenizer.merges", 0);
  for (int round = 0; round < 200; ++round) {
    data.merges.clear();
    for (int i = 0; i < 12; ++i) {
      const auto token = [&] { return static_cast<int32_t>(rng.below(8)); };
      const int32_t left = token();
      const int32_t right = token();
      const auto same = [&](const Merge& m) { return m.left == left && m.right == right; };
      if (std::any_of(data.merges.begin(), data.merges.end(), same)) continue;
      data.merges.push_back({left, right, token(), static_cast<uint32_t>(rng.below(6))});
    }
    std::string text;
    Ids first;
    for (uint64_t i = rng.below(30); i > 0; --i) {
      const uint64_t letter = rng.below(4);
      text += "abc "[letter];
      first.push_back(static_cast<int32_t>(letter));
    }
    CAPTURE(text);
    CHECK(bpe_ids(data, text) == merged_step_by_step(data, first));
  }
}

TEST_CASE("ignore_merges takes a piece that is a token whole", "[tokenizer]") {
  TokenizerData data = small();
  data.bpe.merges.pop_back();  // nothing makes "abc" any more
  CHECK(bpe_ids(data.bpe, "abc") == Ids{0, 5});
  data.bpe.ignore_merges = true;
  CHECK(bpe_ids(data.bpe, "abc") == Ids{6});
}

TEST_CASE("a token written in the text is that token, not its letters", "[tokenizer]") {
  TokenizerData data = small();
  data.prefix_ids = {7};
  data.bos = 7;
  const auto tokenizer = make_bpe_tokenizer(data);
  CHECK(tokenizer->encode("a<x>b", false) == Ids{0, 7, 1});
  CHECK(tokenizer->encode("a<x>b") == Ids{7, 0, 7, 1});
  CHECK(tokenizer->adds_bos());
  CHECK(tokenizer->decode(Ids{7, 0, 7, 1}) == "ab");
  CHECK(tokenizer->token_text(7) == "<x>");
  CHECK(tokenizer->token_text(3) == " ");
}

TEST_CASE("bytes without a token are dropped, counted, and their neighbours merge", "[tokenizer]") {
  const auto tokenizer = make_bpe_tokenizer(small());
  CHECK(tokenizer->encode("a?b") == Ids{4});
  CHECK(tokenizer->dropped_bytes() == 1);
  CHECK(tokenizer->encode("é\xFF") == Ids{});
  CHECK(tokenizer->dropped_bytes() == 4);
}

TEST_CASE("bytes that are no UTF-8 are tokens like others", "[tokenizer]") {
  TokenizerData data;
  std::vector<std::string> spellings;
  for (int byte = 0; byte < 256; ++byte) {
    spellings.push_back(spelling_of_bytes(std::string(1, static_cast<char>(byte))));
  }
  data.pre_tokenizer = {Split{.pattern = kGpt2Pattern}};
  fill_byte_level_vocabulary(data, spellings);
  const auto tokenizer = make_bpe_tokenizer(data);
  Rng rng(3, "test.tokenizer.bytes", 0);
  for (int round = 0; round < 200; ++round) {
    std::string bytes;
    for (uint64_t i = rng.below(40); i > 0; --i) bytes += static_cast<char>(rng.below(256));
    CHECK(tokenizer->decode_bytes(tokenizer->encode(bytes)) == bytes);
  }
  CHECK(tokenizer->encode("a\xFFz\xE4\xBD") == Ids{'a', 0xFF, 'z', 0xE4, 0xBD});
  CHECK(tokenizer->decode(Ids{'a', 0xE4, 0xBD}) == "a\uFFFD");
}

TEST_CASE("half a character waits for the rest of it", "[tokenizer]") {
  TokenizerData data;
  fill_byte_level_vocabulary(
      data, {spelling_of_bytes("a\xE4"), spelling_of_bytes("\xBD"), spelling_of_bytes("\xA0 b")});
  const auto tokenizer = make_bpe_tokenizer(data);
  Detokenizer whole(*tokenizer);
  CHECK(whole.push(0) == "a");
  CHECK(whole.push(1) == "");
  CHECK(whole.push(2) == "\u4F60 b");
  CHECK(whole.finish() == "");
  Detokenizer cut(*tokenizer);
  CHECK(cut.push(0) == "a");
  CHECK(cut.push(0) == "\uFFFDa");
  CHECK(cut.finish() == "\uFFFD");
}

TEST_CASE("one mark replaces the longest run of bytes that could begin a character",
          "[tokenizer]") {
  // The examples of the Unicode standard, section 3.9, table 3-8 and around it.
  CHECK(replace_invalid_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82"
                             "A") == "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA");
  CHECK(replace_invalid_utf8("\xED\xA0\x80\xF4\x91\x92\x93\xFF"
                             "A") == "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA");
  CHECK(replace_invalid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"
                             "A") == "\uFFFD\uFFFD\uFFFD\uFFFDA");
  CHECK(unfinished_utf8_bytes("a\xF0\x9F\x98") == 3);
  CHECK(unfinished_utf8_bytes("a\xF0\x9F\x98\x80") == 0);
  CHECK(unfinished_utf8_bytes("\x98\x80\x80\x80") == 0);
}

TEST_CASE("a long piece takes no time that grows with its square", "[tokenizer]") {
  TokenizerData data = small();
  data.pre_tokenizer = {Split{.pattern = kGpt2Pattern}};
  const auto tokenizer = make_bpe_tokenizer(data);
  const auto start = std::chrono::steady_clock::now();
  const size_t length = 300000;
  CHECK(tokenizer->encode(std::string(length, 'a')).size() == length);
  CHECK(tokenizer->encode(std::string(length, ' ') + "a").size() == length + 1);
  std::string mixed;
  for (size_t i = 0; i < length / 3; ++i) mixed += "abc";
  CHECK(tokenizer->encode(mixed) == Ids(length / 3, 6));
  // The square of it would be 10^11 steps.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("threads that share a tokenizer get the same ids", "[tokenizer]") {
  TokenizerData data = small();
  data.pre_tokenizer = {Split{.pattern = kGpt2Pattern}};
  const auto shared = make_bpe_tokenizer(data);
  const auto text_of = [](size_t i) {
    std::string text;
    for (size_t j = 0; j < 50; ++j) text += " abcabbcacb"[(i * j + j) % 11];
    return text;
  };
  std::vector<Ids> together(200);
  parallel_for(together.size(), [&](size_t i) { together[i] = shared->encode(text_of(i)); });
  for (size_t i = 0; i < together.size(); ++i) {
    CHECK(together[i] == make_bpe_tokenizer(data)->encode(text_of(i)));
  }
}

TEST_CASE("whatever changes the ids changes the hash", "[tokenizer]") {
  const std::string hash = make_bpe_tokenizer(small())->hash();
  CHECK(make_bpe_tokenizer(small())->hash() == hash);
  TokenizerData data = small();
  data.source = "elsewhere";
  CHECK(make_bpe_tokenizer(data)->hash() == hash);
  data = small();
  std::swap(data.bpe.merges[0].rank, data.bpe.merges[1].rank);
  CHECK(make_bpe_tokenizer(data)->hash() != hash);
  data = small();
  data.pre_tokenizer = {Split{.pattern = "a"}};
  CHECK(make_bpe_tokenizer(data)->hash() != hash);
  data = small();
  data.added[0].lstrip = true;
  CHECK(make_bpe_tokenizer(data)->hash() != hash);
}

TEST_CASE("a tokenizer.json part that is not supported fails with its place and name",
          "[tokenizer]") {
  const auto failure = [](const std::string& parts) {
    return failure_of("tokenizer.json", json_file(parts));
  };
  CHECK(failure(kByteLevel + kModel) == "no failure");
  CHECK(
      failure(
          R"("pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Whitespace"}]}, )" +
          kModel) ==
      "tokenizer.json: pre_tokenizer.pretokenizers[0]: unsupported 'Whitespace'; supported: "
      "ByteLevel, Digits, Metaspace, Sequence, Split");
  CHECK(failure(R"("normalizer": {"type": "Lowercase"}, )" + kByteLevel + kModel) ==
        "tokenizer.json: normalizer: unsupported 'Lowercase'; supported: NFC, NFD, NFKC, NFKD, "
        "Prepend, "
        "Replace, Sequence");
  CHECK(failure(kByteLevel + R"("model": {"type": "WordPiece", "vocab": {}})") ==
        "tokenizer.json: model: unsupported 'WordPiece'; supported: BPE");
  CHECK(failure(kByteLevel + R"("model": {"vocab": {"a": 0}, "merges": ["a b"]})") ==
        "tokenizer.json: merge 0 ('a' 'b'): no token 'b' in the vocabulary");
  CHECK(failure(kByteLevel + R"("model": {"vocab": {"a": 0}, "merges": ["ab"]})") ==
        "tokenizer.json: model.merges[0]: expected two tokens, got 1");
  CHECK(
      failure(
          R"("pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"}, )" +
          kModel) == "tokenizer.json: decoder: 'ByteLevel' does not go with the pre-tokenizer");
  CHECK(failure(kByteLevel + R"("paddin": 1, )" + kModel) ==
        "tokenizer.json: unsupported key 'paddin' (did you mean 'padding'?)");
}

TEST_CASE("a pattern that cannot be honoured fails", "[tokenizer]") {
  CHECK_THROWS_WITH(PiecePattern("(a", "here"), "here: missing closing parenthesis: (a");
  CHECK_THROWS_WITH(PiecePattern("[a&&b]", "here"),
                    "here: set operations inside [...] are not supported: [a&&b]");
  CHECK_THROWS_WITH(PiecePattern(R"(\h)", "here"), R"(here: \h is not supported)");
}

TEST_CASE("a GGUF file's unknown tokenizer fails, naming those that are known", "[tokenizer]") {
  CHECK(failure_of("m.gguf", gguf_with("gpt2", "smollm", {"a b"})) == "no failure");
  CHECK(failure_of("m.gguf", gguf_with("gpt2", "smolm", {"a b"})) ==
        "m.gguf: tokenizer.ggml.pre: unsupported 'smolm' (did you mean 'smollm'?); supported: "
        "default, "
        "gpt-2, llama-bpe, qwen2, smollm");
  CHECK(failure_of("m.gguf", gguf_with("rwkv", "smollm", {"a b"})) ==
        "m.gguf: tokenizer.ggml.model: unsupported 'rwkv'; supported: gpt2, llama");
  CHECK(failure_of("m.gguf", gguf_with("gpt2", "smollm", {"a b", "ab"})) ==
        "m.gguf: tokenizer.ggml.merges[1]: expected two tokens, got 'ab'");
  CHECK(failure_of("readme.txt", "")
            .ends_with("expected tokenizer.json or tokenizer.model in this folder, found neither"));
}

}  // namespace evalharness
