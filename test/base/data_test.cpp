// Values, JSON and files.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/base/value.h"
#include "test/support/temporary_folder.h"

using namespace evalharness;

namespace {

std::string again(std::string_view json) { return to_json(parse_json(json, "made_up.json")); }

size_t files_in(const std::string& folder) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

std::string text_of(const MappedFile& file) {
  return std::string(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
}

}  // namespace

TEST_CASE("a value grows into the map or list that it is used as", "[value]") {
  Value value;
  value.set("b", 1);
  value.set("a", "x");
  value.set("b", 2.5);
  CHECK(to_json(value) == R"({"b":2.5,"a":"x"})");
  CHECK(value.find("a")->string() == "x");
  CHECK(value.find("c") == nullptr);
  Value list;
  list.push(1);
  list.push(Value());
  CHECK(to_json(list) == "[1,null]");
  CHECK(list.find("a") == nullptr);
  CHECK(std::string(list.type_name()) == "list");
  CHECK(std::string(Value(1).type_name()) == "integer");
  CHECK(Value(1).number() == 1.0);
  CHECK_FALSE(Value(1) == Value(1.0));
}

TEST_CASE("JSON keeps the order of keys, and what is whole apart from what is not", "[json]") {
  CHECK(again(R"({"z": [1, 1.0, -0.0, 1e3, true, null], "a": {"q": []}})") ==
        R"({"z":[1,1.0,-0.0,1000.0,true,null],"a":{"q":[]}})");
  CHECK(again("9223372036854775807") == "9223372036854775807");
  CHECK(again("18446744073709551615") == "1.8446744073709552e+19");
  CHECK(again("[0.1, 1e-7, 123456789.123]") == "[0.1,1e-07,123456789.123]");
}

TEST_CASE("the last of equal keys wins", "[json]") {
  CHECK(again(R"({"a": 1, "b": 2, "a": {"c": 3}})") == R"({"a":{"c":3},"b":2})");
}

TEST_CASE("JSON is indented as Python does", "[json]") {
  // python3 -c 'import json; print(json.dumps({"a": [1, {"b": None}], "c": [], "d": {}},
  // indent=2))'
  CHECK(
      to_json(parse_json(R"({"a":[1,{"b":null}],"c":[],"d":{}})", "x"), 2) ==
      "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"c\": [],\n  \"d\": {}\n}");
}

TEST_CASE("strings are escaped, and bad bytes replaced", "[json]") {
  CHECK(to_json(Value("a\"\\\n\t\x01\u00e9")) == "\"a\\\"\\\\\\n\\t\\u0001\u00e9\"");
  CHECK(to_json(Value("\xE2\x82x")) == "\"\uFFFDx\"");
  CHECK(parse_json(R"("\ud83d\ude00\u00e9")", "x").string() == "\U0001F600\u00e9");
}

TEST_CASE("broken JSON is an error with its place", "[json]") {
  CHECK_THROWS_WITH(parse_json("{\"a\": 1,}", "piqa.jsonl:17"),
                    "piqa.jsonl:17: invalid JSON: at line 1, column 9: while parsing object key - "
                    "unexpected '}'; expected string literal");
  CHECK_THROWS_WITH(parse_json("[1] 2", "x.json"),
                    "x.json: invalid JSON: at line 1, column 5: while parsing value - unexpected "
                    "number literal; expected end of input");
  CHECK_THROWS_WITH(parse_json(std::string(600, '['), "x.json"),
                    "x.json: invalid JSON: expected at most 500 levels, got more");
  CHECK_THROWS_AS(parse_json("", "x.json"), Error);
  CHECK_THROWS_AS(parse_json("\"\xFF\"", "x.json"), Error);
  CHECK_THROWS_AS(parse_json("1e999", "x.json"), Error);
}

TEST_CASE("a vocabulary of a hundred thousand keys is read in good time", "[json]") {
  Value::Map map;
  for (int i = 0; i < 100000; ++i) map.emplace_back(cat("token", i), i);
  const std::string text = to_json(map);
  CHECK(parse_json(text, "x").map() == map);
}

TEST_CASE("a file is written whole, and read and mapped as it was written", "[files]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("a.txt");
  write_text(path, "first");
  write_text(path, std::string(200000, 'x'));
  CHECK(files_in(folder.path()) == 1);
  CHECK(read_text(path) == std::string(200000, 'x'));
  MappedFile mapped(path);
  CHECK(mapped.path() == path);
  const MappedFile moved = std::move(mapped);
  CHECK(text_of(moved) == std::string(200000, 'x'));
  moved.release();
  CHECK(text_of(moved) == std::string(200000, 'x'));
  CHECK(sha256_of_file(path) == sha256_hex(std::string_view(std::string(200000, 'x'))));
}

TEST_CASE("an empty file maps to no bytes", "[files]") {
  const TemporaryFolder folder;
  write_text(folder.path("empty"), "");
  CHECK(MappedFile(folder.path("empty")).bytes().empty());
  CHECK(read_text(folder.path("empty")).empty());
}

TEST_CASE("files that cannot be used are errors in one line", "[files]") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(MappedFile("no/model.gguf"),
                    "no/model.gguf: cannot open: No such file or directory");
  CHECK_THROWS_WITH(MappedFile(folder.path("")),
                    folder.path("") + ": expected a file, got a folder");
  CHECK_THROWS_WITH(read_text(folder.path("")), folder.path("") + ": cannot read: Is a directory");
  CHECK_THROWS_WITH(write_text("no/such/place", "x"),
                    "no/such/place: cannot write: No such file or directory");
}
