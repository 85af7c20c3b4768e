// The tokenizer of the default model against ids that the original library gave
// (test/golden/tokenizer.json).
#include <catch2/catch.hpp>
#include <cstring>
#include <iostream>

#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/model/tokenizer.h"
#include "test/support/golden.h"
#include "test/support/home.h"

namespace evalharness {
namespace {

// Null, with a line on stderr, where the environment does not name the file.
const char* environment_path(const char* name) {
  const char* const path = std::getenv(name);
  if (path == nullptr) std::cerr << "SKIPPED: " << name << " is not set\n";
  return path;
}

Value tokenizer_golden() {
  const std::string path = home_path("test/golden/tokenizer.json");
  return parse_json(read_text(path), path);
}

std::string sha256_of_ids(const std::vector<int32_t>& ids) {
  std::string bytes(ids.size() * sizeof(int32_t), '\0');
  std::memcpy(bytes.data(), ids.data(),
              bytes.size());  // little-endian machines only, as all of this
  return sha256_hex(bytes);
}

// As the Hugging Face data set has its rows: a blank line is an empty row, others keep their
// newline.
std::string joined_wikitext(const std::string& file) {
  std::vector<std::string> rows;
  for (const std::string& line : split(read_text(file), "\n")) {
    rows.push_back(is_blank(line) ? "" : line + "\n");
  }
  rows.pop_back();  // behind the last newline there is no row
  return join(rows, "\n\n");
}

std::string joined_ptb(const std::string& file) {
  std::vector<std::string> rows;
  for (const std::string& line : split(read_text(file), "\n")) rows.push_back(strip(line));
  rows.pop_back();
  return join(rows, " ");
}

std::string joined_c4(const std::string& file) {
  std::vector<std::string> texts;
  for (const std::string& line : split(read_text(file), "\n")) {
    if (!line.empty()) texts.push_back(parse_json(line, file).find("text")->string());
  }
  return join(texts, " ");
}

void check_corpus(const Tokenizer& tokenizer, const Value& expected, const std::string& text) {
  REQUIRE(sha256_hex(text) == expected.find("text_sha256")->string());
  const std::vector<int32_t> ids = tokenizer.encode(text);
  CHECK(static_cast<int64_t>(ids.size()) == expected.find("n_tokens")->integer());
  CHECK(sha256_of_ids(ids) == expected.find("sha256_ids_int32le")->string());
  CHECK(tokenizer.decode(ids) == text);
}

}  // namespace

TEST_CASE("the default model's tokenizer gives the original's ids", "[tokenizer][golden]") {
  const char* const model = environment_path("EVALHARNESS_TEST_MODEL");
  if (model == nullptr) return;
  const auto tokenizer = open_tokenizer(model);
  const Value expected = tokenizer_golden();
  CHECK(tokenizer->vocab() == 49152);
  CHECK(tokenizer->bos() == expected.find("bos")->integer());
  CHECK(tokenizer->eos() == expected.find("eos")->integer());
  CHECK_FALSE(tokenizer->adds_bos());
  for (const int32_t id : ids_of(*expected.find("special_tokens")))
    CHECK(tokenizer->is_special(id));
  CHECK_FALSE(tokenizer->is_special(17));
  for (const Value& item : expected.find("items")->list()) {
    const std::string& text = item.find("text")->string();
    CAPTURE(text);
    CHECK(tokenizer->encode(text) == ids_of(*item.find("ids")));
  }
}

TEST_CASE("bytes without a token are dropped and counted", "[tokenizer][golden]") {
  const char* const model = environment_path("EVALHARNESS_TEST_MODEL");
  if (model == nullptr) return;
  const auto tokenizer = open_tokenizer(model);
  const Value expected = tokenizer_golden();
  for (const Value& item : expected.find("missing_byte_cases")->list()) {
    const std::string& text = item.find("text")->string();
    CAPTURE(text);
    for (const char* reading : {"first", "from the cache"}) {
      CAPTURE(reading);
      const size_t before = tokenizer->dropped_bytes();
      CHECK(tokenizer->encode(text) == ids_of(*item.find("ids")));
      CHECK(static_cast<int64_t>(tokenizer->dropped_bytes() - before) ==
            item.find("dropped")->integer());
    }
  }
}

TEST_CASE("whole corpora give the original's ids, and come back from them", "[tokenizer][golden]") {
  const char* const model = environment_path("EVALHARNESS_TEST_MODEL");
  const char* const data = environment_path("EVALHARNESS_DATA");
  if (model == nullptr || data == nullptr) return;
  const auto tokenizer = open_tokenizer(model);
  const std::string folder = std::string(data) + "/";
  const Value expected = tokenizer_golden();
  const Value& corpora = *expected.find("corpora");
  const std::string wikitext = folder + "wikitext-2-raw/wiki.test.raw";
  check_corpus(*tokenizer, *corpora.find("wiki_raw_file"), read_text(wikitext));
  check_corpus(*tokenizer, *corpora.find("wikitext2_joined"), joined_wikitext(wikitext));
  check_corpus(*tokenizer, *corpora.find("ptb_joined"), joined_ptb(folder + "ptb/ptb.test.txt"));
  check_corpus(*tokenizer, *corpora.find("c4_val_joined"),
               joined_c4(folder + "c4/c4-validation.sample.jsonl"));
  CHECK(tokenizer->dropped_bytes() == 0);
}

}  // namespace evalharness
