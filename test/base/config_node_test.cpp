// Configs: values with their places, error texts whole, and what a reader leaves behind.
#include "harness/base/config_node.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/yaml_scalar.h"

using namespace evalharness;

namespace {

ConfigNode yaml(const std::string& text) { return ConfigNode::parse(text, "test.yaml"); }

std::string resolved(const ConfigNode& node) { return to_json(node.resolved()); }

// What the text "key: <scalar>" gives as a value of YAML 1.1, as JSON.
std::string as_yaml_1_1(const std::string& scalar) {
  return to_json(*yaml("key: " + scalar).to_value(true).find("key"));
}

std::string as_yaml_1_2(const std::string& scalar) {
  return to_json(*yaml("key: " + scalar).to_value().find("key"));
}

}  // namespace

TEST_CASE("a mistyped key is an error that says where and what was meant", "[config]") {
  const ConfigNode node = yaml("method: wanda\nsparsty: 0.5\n");
  CHECK(node.get("method", "") == "wanda");
  CHECK(node.get("sparsity", 0.25) == 0.25);
  CHECK_THROWS_WITH(node.reject_unread(),
                    "test.yaml:2:10: sparsty: unknown key (did you mean 'sparsity'?)");
}

TEST_CASE("looking for a tag reads nothing", "[config]") {
  const ConfigNode node = yaml("a: [1, !f x]\nb: {c: !f y, d: !g z}\n");
  const std::vector<ConfigNode> found = node.tagged("!f");
  REQUIRE(found.size() == 2);
  CHECK(found[0].place() == "test.yaml:1:8: a[1]");
  CHECK(found[1].place() == "test.yaml:2:8: b.c");
  CHECK_THROWS_WITH(node.reject_unread(), "test.yaml:1:4: a: unknown key");
}

TEST_CASE("a value out of range is an error with its place and key", "[config]") {
  const ConfigNode node = yaml("method: wanda\nsparsity: 1.5\n");
  CHECK(node.get("sparsity", 0.5) == 1.5);
  CHECK_THROWS_WITH(node.fail_at("sparsity", "expected 0 <= sparsity < 1, got 1.5"),
                    "test.yaml:2:11: sparsity: expected 0 <= sparsity < 1, got 1.5");
}

TEST_CASE("a key that is missing, or of another type, is named with its path", "[config]") {
  const ConfigNode node = yaml("modle: x\ncompress:\n  - sparsity: lots\n    groups: -3\n");
  CHECK_THROWS_WITH(node.at("tasks"), "test.yaml:1:1: missing key 'tasks'");
  CHECK_THROWS_WITH(node.at("model"), "test.yaml:1:1: missing key 'model' (there is 'modle')");
  const ConfigNode step = node.at("compress").items().at(0);
  CHECK(step.where() == "test.yaml:3:5");
  CHECK(step.key() == "compress[0]");
  CHECK_THROWS_WITH(step.get("sparsity", 0.5),
                    "test.yaml:3:15: compress[0].sparsity: expected a number, got 'lots'");
  CHECK_THROWS_WITH(step.get("groups", size_t{1}),
                    "test.yaml:4:13: compress[0].groups: expected an integer >= 0, got -3");
  CHECK_THROWS_WITH(step.at("method"), "test.yaml:3:5: compress[0]: missing key 'method'");
  CHECK_THROWS_WITH(step.at("sparsity").items(),
                    "test.yaml:3:15: compress[0].sparsity: expected a list, got 'lots'");
  CHECK_THROWS_WITH(node.at("compress").at("a"),
                    "test.yaml:3:3: compress: expected a map, got a list");
}

TEST_CASE("scalars are read by YAML 1.2, and a scalar in quotes is a string", "[config]") {
  const ConfigNode node = yaml("{a: yes, b: true, c: '5', d: 1.5, e: 0x10, f: 1e3, g:, h: 7}");
  CHECK(node.at("a").as_string() == "yes");
  CHECK_THROWS_WITH(node.at("a").as_bool(), "test.yaml:1:5: a: expected true or false, got 'yes'");
  CHECK(node.at("b").as_bool());
  CHECK_THROWS_WITH(node.at("c").as_integer(), "test.yaml:1:22: c: expected an integer, got '5'");
  CHECK_THROWS_WITH(node.at("d").as_integer(), "test.yaml:1:30: d: expected an integer, got 1.5");
  CHECK(node.at("e").as_integer() == 16);
  CHECK(node.at("f").as_number() == 1000);
  CHECK(node.at("g").is_null());
  CHECK_THROWS_WITH(node.at("g").as_string(), "test.yaml:1:54: g: expected a string, got null");
  CHECK(node.at("h").as_number() == 7);
  CHECK(node.at("h").as_string() == "7");
}

TEST_CASE("one of several words, or an error that lists them", "[config]") {
  const ConfigNode node = yaml("allocation: unifrm\n");
  CHECK(node.get_one_of("other", {"uniform", "owl"}, "owl") == "owl");
  CHECK_THROWS_WITH(node.get_one_of("allocation", {"uniform", "owl"}, "owl"),
                    "test.yaml:1:13: allocation: expected one of uniform, owl, got 'unifrm' "
                    "(did you mean 'uniform'?)");
}

TEST_CASE("YAML that is broken, doubled or repeated fails with its place", "[config]") {
  CHECK_THROWS_WITH(yaml("a: 1\nb: [1, 2\n"), Catch::StartsWith("test.yaml:3:1: not valid YAML: "));
  CHECK_THROWS_WITH(yaml("a: {x: 1,\n x: 2}\n"), "test.yaml:2:2: a.x: duplicate key");
  const ConfigNode lenient = ConfigNode::parse("a: {x: 1, x: 2}", "t", DuplicateKeys::kLastWins);
  CHECK(lenient.at("a").at("x").as_count() == 2);
  CHECK(lenient.at("a").keys() == std::vector<std::string>{"x"});
  CHECK_THROWS_WITH(yaml("a: 1\n---\nb: 2\n"),
                    "test.yaml:3:1: expected one YAML document, got a second");
  CHECK_THROWS_WITH(yaml("[a]: 1\n"), "test.yaml:1:1: expected a key that is a plain word");
  CHECK_THROWS_WITH(yaml("a: &x [*x]\n"), Catch::EndsWith("expected at most 100 levels, got more"));
  CHECK_THROWS_WITH(ConfigNode::load("no/such.yaml"),
                    "no/such.yaml: cannot open: No such file or directory");
}

TEST_CASE("a document without content is an empty map", "[config]") {
  CHECK(yaml("").is_map());
  CHECK(yaml("# a comment\n").keys().empty());
  CHECK_THROWS_WITH(yaml("").at("model"), "test.yaml:1:1: missing key 'model'");
}

TEST_CASE("anchors and merges are followed; own keys win", "[config]") {
  const ConfigNode node = yaml("base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3, z: *b}\n");
  CHECK(to_json(node.at("more").to_value()) == R"({"x":1,"y":3,"z":{"x":1,"y":2}})");
}

TEST_CASE("a tag is kept for who wants it", "[config]") {
  const ConfigNode node = yaml("a: !function utils.f\nb: plain\nc: 'no'\nd: |\n  no\n");
  CHECK(node.at("a").tag() == "!function");
  CHECK(node.at("a").as_string() == "utils.f");
  CHECK(node.at("b").tag().empty());
  CHECK_FALSE(node.at("b").is_quoted());
  CHECK(node.at("c").is_quoted());
  CHECK(node.at("c").tag().empty());
  CHECK(to_json(node.at("d").to_value(true)) == R"("no\n")");
  CHECK(yaml("a: !!null 'null'\n").at("a").is_null());
}

TEST_CASE("unread keys are found in maps and lists below", "[config]") {
  const ConfigNode node = yaml("speed:\n  - {prefill: 512, bacth: 1}\nnote: x\n");
  const ConfigNode workload = node.at("speed").items().at(0);
  CHECK(workload.get("prefill", 0) == 512);
  CHECK(workload.get("batch", 2) == 2);
  CHECK_THROWS_WITH(node.reject_unread(),
                    "test.yaml:2:27: speed[0].bacth: unknown key (did you mean 'batch'?)");
  CHECK(workload.has("bacth"));
  CHECK_THROWS_WITH(node.reject_unread(),
                    "test.yaml:2:27: speed[0].bacth: this key has no effect here");
  CHECK(workload.find("bacth")->as_count() == 1);
  CHECK_THROWS_WITH(node.reject_unread(), "test.yaml:3:7: note: unknown key");
  node.to_value();
  CHECK_NOTHROW(node.reject_unread());
}

TEST_CASE("what was read comes back in the type it was read as, with the defaults", "[config]") {
  const ConfigNode node = yaml("b: 1\na: 1\nunread: 5\nlist: [{x: on}]\n");
  CHECK(node.get("c", 32) == 32);
  CHECK(node.get("a", 0) == 1);
  CHECK(node.get("b", 0.0) == 1);
  CHECK(node.get("d", "text") == "text");
  CHECK(node.at("list").items().at(0).get("x", "off") == "on");
  CHECK_FALSE(node.get("e", false));
  CHECK(resolved(node) == R"({"b":1.0,"a":1,"list":[{"x":"on"}],"c":32,"d":"text","e":false})");
}

TEST_CASE("--set replaces, makes and appends", "[config]") {
  ConfigNode node = yaml("a: {b: 1}\nlist: [{c: 1}]\nempty:\n");
  node.set("a.b", "2");
  node.set("a.d.e", "[x, y]");
  node.set("list[0].c", "3");
  node.set("list[1]", "{c: 4}");
  node.set("empty.f", "true");
  CHECK(to_json(node.to_value()) ==
        R"({"a":{"b":2,"d":{"e":["x","y"]}},"list":[{"c":3},{"c":4}],"empty":{"f":true}})");
}

TEST_CASE("the place of a set value is its --set", "[config]") {
  ConfigNode node = yaml("a: 1\nlist: [1]\n");
  node.set("b.c", "{d: x}");
  CHECK_THROWS_WITH(node.at("b").at("c").get("d", 1),
                    "--set b.c: b.c.d: expected an integer, got 'x'");
  CHECK_THROWS_WITH(node.set("a.b", "1"), "--set a.b: a: expected a map, got 1");
  CHECK_THROWS_WITH(node.set("list[2]", "1"),
                    "--set list[2]: list: expected an index of at most 1, got 2");
  CHECK_THROWS_WITH(node.set("a..b", "1"),
                    "--set a..b: expected a path such as calibration.samples or "
                    "compress[0].sparsity");
  CHECK_THROWS_WITH(node.set("b", "[1"), Catch::StartsWith("--set b: not valid YAML: "));
}

// python3 -c 'import json, yaml; print(json.dumps(yaml.safe_load("key: <scalar>")["key"]))',
// PyYAML 6.0.3.
TEST_CASE("scalars of YAML 1.1 are what PyYAML makes of them", "[config]") {
  for (const char* word : {"yes", "Yes", "YES", "on", "On", "true", "TRUE"})
    CHECK(as_yaml_1_1(word) == "true");
  for (const char* word : {"no", "No", "off", "OFF", "False"}) CHECK(as_yaml_1_1(word) == "false");
  for (const char* word : {"~", "null", "Null", "NULL", ""}) CHECK(as_yaml_1_1(word) == "null");
  CHECK(as_yaml_1_1("y") == R"("y")");
  CHECK(as_yaml_1_1("yEs") == R"("yEs")");
  CHECK(as_yaml_1_1("'yes'") == R"("yes")");
  CHECK(as_yaml_1_1("010") == "8");
  CHECK(as_yaml_1_1("08") == R"("08")");
  CHECK(as_yaml_1_1("0o10") == R"("0o10")");
  CHECK(as_yaml_1_1("0x1_F") == "31");
  CHECK(as_yaml_1_1("-0b101") == "-5");
  CHECK(as_yaml_1_1("+1_000") == "1000");
  CHECK(as_yaml_1_1("1:30") == "90");
  CHECK(as_yaml_1_1("-1:30:05") == "-5405");
  CHECK(as_yaml_1_1("1:30.5") == "90.5");
  CHECK(as_yaml_1_1("1e5") == R"("1e5")");
  CHECK(as_yaml_1_1("1.0e5") == R"("1.0e5")");
  CHECK(as_yaml_1_1("1.0e+5") == "100000.0");
  CHECK(as_yaml_1_1("1.") == "1.0");
  CHECK(as_yaml_1_1(".5") == "0.5");
  CHECK(as_yaml_1_1("-.5") == R"("-.5")");
  CHECK(as_yaml_1_1("1_0.2_5") == "10.25");
}

TEST_CASE("a quoted scalar over several lines is what PyYAML makes of it", "[config]") {
  const auto folded = [](const std::string& yaml) { return ConfigNode::parse("a: " + yaml + "\nb: 1\n", "t.yaml").at("a").as_string(); };
  CHECK(folded("'One.\n\n\n  '") == "One.\n\n");
  CHECK(folded("'One.\n\n  '") == "One.\n");
  CHECK(folded("'One.\n  '") == "One. ");
  CHECK(folded("'One.\n  two\n\n\n\n\n  '") == "One. two\n\n\n\n");
  CHECK(folded("\"One.\n\n\n  \"") == "One.\n\n");
  CHECK(folded("\"One.\\n\\n\\\n  \\ \\ two\\n\n\n\n  \"") == "One.\n\n  two\n\n\n");
  CHECK(folded("\"One.\\n\\\n  \\n\"") == "One.\n\n");
  CHECK(folded("'It''s.\n\n\n\n  '") == "It's.\n\n\n");
  CHECK(folded("\"\\\"One\\\".\r\n\r\n\r\n  \"") == "\"One\".\n\n");
  CHECK(folded("'\n\n\n'") == "\n\n");
  CHECK(folded("\"a\\_b\\Nc\\xA0\\u00e9\"") == "a\u00a0b\xc2\x85" "c\u00a0\u00e9");
}

TEST_CASE("scalars of YAML 1.2 are those of its core schema", "[config]") {
  CHECK(as_yaml_1_2("yes") == R"("yes")");
  CHECK(as_yaml_1_2("True") == "true");
  CHECK(as_yaml_1_2("010") == "10");
  CHECK(as_yaml_1_2("0o10") == "8");
  CHECK(as_yaml_1_2("1e5") == "100000.0");
  CHECK(as_yaml_1_2("-.5") == "-0.5");
  CHECK(as_yaml_1_2("1:30") == R"("1:30")");
  CHECK(as_yaml_1_2(".nan") == R"(".nan")");
  CHECK(as_yaml_1_2("99999999999999999999") == "1e+20");
  CHECK(std::isinf(yaml("a: -.inf").at("a").as_number()));
}

TEST_CASE("a map laid over another takes its keys' places and keeps its own places in the file", "[config]") {
  const ConfigNode root = ConfigNode::parse("base: {a: 1, b: {c: 2}}\ncell: {b: {d: x}, e: 4}\n", "s.yaml");
  const ConfigNode both = root.at("base").overlaid(root.at("cell"));
  CHECK(both.keys() == std::vector<std::string>{"a", "b", "e"});
  CHECK(both.at("a").as_count() == 1);
  CHECK_THROWS_WITH(both.at("b").at("d").as_count(), "s.yaml:2:15: cell.b.d: expected an integer >= 0, got 'x'");
  both.at("e").as_count();
  CHECK_THROWS_WITH(root.reject_unread(), Catch::Contains("base.b: unknown key"));  // it was laid over, not read
}
