// Text, hashes and numbers as text.
#include "harness/base/text.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <limits>

#include "harness/base/error.h"
#include "harness/base/letter_case.h"
#include "harness/base/sha256.h"

using namespace evalharness;

namespace {

using Strings = std::vector<std::string>;

std::string encoded(std::string_view text) {
  std::string result;
  for (const char32_t code : decode_utf8(text)) append_utf8(result, code);
  return result;
}

}  // namespace

TEST_CASE("a number's text is the shortest that reads back", "[text]") {
  CHECK(number_text(0.5) == "0.5");
  CHECK(number_text(0.1) == "0.1");
  CHECK(number_text(-3) == "-3");
  CHECK(number_text(100000) == "100000");
  CHECK(number_text(1e-5) == "1e-05");
  CHECK(number_text(0.0001) == "0.0001");
  CHECK(number_text(1e16) == "1e+16");
  CHECK(number_text(std::numeric_limits<double>::quiet_NaN()) == "nan");
  CHECK(number_text(-std::numeric_limits<double>::infinity()) == "-inf");
  for (const double value : {1.0 / 3, 2.5e-300, 1.7976931348623157e308, 5e-324, 9007199254740993.0})
    CHECK(std::strtod(number_text(value).c_str(), nullptr) == value);
}

TEST_CASE("pieces of every kind are put together", "[text]") {
  CHECK(cat("rows ", 3, " of ", size_t{7}, ' ', 0.5f, ' ', true, std::string("!")) ==
        "rows 3 of 7 0.5 true!");
}

TEST_CASE("numbers for people", "[text]") {
  CHECK(fixed_text(12.3456, 2) == "12.35");
  CHECK(fixed_text(0.5, 0) == "0");  // exactly half way: to even
  CHECK(fixed_text(-0.125, 2) == "-0.12");
  CHECK(bytes_text(512) == "512 B");
  CHECK(bytes_text(1536) == "1.50 KiB");
  CHECK(bytes_text(92904000) == "88.6 MiB");
  CHECK(bytes_text(1024 * 1024 - 1) == "1.00 MiB");
  CHECK(bytes_text(999 * 1024) == "999 KiB");
  CHECK(duration_text(0.4) == "0.4 s");
  CHECK(duration_text(9.97) == "10 s");
  CHECK(duration_text(12.3) == "12 s");
  CHECK(duration_text(59.7) == "1 min 00 s");
  CHECK(duration_text(185) == "3 min 05 s");
  CHECK(duration_text(7800) == "2 h 10 min");
}

TEST_CASE("the nearest name is near, and the first of equals", "[text]") {
  const Strings names = {"samples", "sample", "length", "seed"};
  CHECK(nearest_name("smaples", names) == "samples");
  CHECK(nearest_name("sampl", names) == "sample");
  CHECK(nearest_name("lenght", names) == "length");
  CHECK(nearest_name("dataset", names).empty());
  CHECK(nearest_name("ab", Strings{"ax", "ay"}) == "ax");
  CHECK(did_you_mean("sead", names) == " (did you mean 'seed'?)");
  CHECK(did_you_mean("epochs", names).empty());
}

TEST_CASE("split, join and replace are each other's measure", "[text]") {
  CHECK(split("a, b,, c", ", ") == Strings{"a", "b,", "c"});
  CHECK(split("", ",") == Strings{""});
  CHECK(split(",", ",") == Strings{"", ""});
  CHECK(join(Strings{"a", "b", "c"}, "--") == "a--b--c");
  CHECK(join(Strings{}, "--").empty());
  CHECK(replace_all("aaaa", "aa", "b") == "bb");
  CHECK(replace_all("abc", "x", "y") == "abc");
  CHECK(replace_all("a.b.", ".", "..") == "a..b..");
}

// python3 -c 'print([hex(c) for c in range(0x110000) if chr(c).isspace()])'
TEST_CASE("whitespace is Python's", "[text]") {
  size_t count = 0;
  for (char32_t code = 0; code <= 0x10FFFF; ++code) count += is_unicode_whitespace(code) ? 1 : 0;
  CHECK(count == 29);
  for (const char32_t code : {0x9, 0xD, 0x1C, 0x1F, 0x20, 0x85, 0xA0, 0x1680, 0x2000, 0x200A,
                              0x2028, 0x2029, 0x202F, 0x205F, 0x3000})
    CHECK(is_unicode_whitespace(code));
  CHECK_FALSE(is_unicode_whitespace(0x200B));
}

TEST_CASE("strip and split take whitespace of every width", "[text]") {
  const std::string wide = "\u3000 \u00e9 x\u2003\n";
  CHECK(strip(wide) == "\u00e9 x");
  CHECK(lstrip(wide) == "\u00e9 x\u2003\n");
  CHECK(rstrip(wide) == "\u3000 \u00e9 x");
  CHECK(strip(" \t\n").empty());
  CHECK(rstrip("a\x80") == "a\x80");
  CHECK(split_whitespace("  a\u00a0b\t\n c ") == Strings{"a", "b", "c"});
  CHECK(split_whitespace(" ").empty());
  CHECK(is_blank("\u2028 \t"));
  CHECK_FALSE(is_blank(" x"));
}

TEST_CASE("UTF-8 is checked as strictly as Python does", "[text]") {
  CHECK(is_valid_utf8("a\u00e9\u20ac\U0001F600"));
  CHECK_FALSE(is_valid_utf8("\xC0\x80"));          // overlong
  CHECK_FALSE(is_valid_utf8("\xE0\x9F\xBF"));      // overlong
  CHECK_FALSE(is_valid_utf8("\xED\xA0\x80"));      // surrogate
  CHECK_FALSE(is_valid_utf8("\xF4\x90\x80\x80"));  // above U+10FFFF
  CHECK_FALSE(is_valid_utf8("\xE2\x82"));          // cut short
  CHECK(code_points("a\u00e9\u20ac\U0001F600") == 4);
  CHECK(encoded("a\u00e9\u20ac\U0001F600") == "a\u00e9\u20ac\U0001F600");
}

// python3 -c 'print(len(b"...".decode("utf8", "replace")))' of each.
TEST_CASE("invalid bytes are replaced in Python's groups", "[text]") {
  CHECK(encoded("\xE2\x82x") == "\uFFFDx");
  CHECK(encoded("\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD");
  CHECK(encoded("\xF0\x9F\x98") == "\uFFFD");
  CHECK(encoded("\xC0\x80") == "\uFFFD\uFFFD");
  CHECK(encoded("\xFFz") == "\uFFFDz");
}

// FIPS 180-4's examples.
TEST_CASE("SHA-256 of the standard's examples", "[text]") {
  CHECK(sha256_hex(std::string_view("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex(std::string_view("")) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK_THROWS_WITH(sha256_of_file("no/such"), "no/such: cannot open: No such file or directory");
}

TEST_CASE("SHA-256 of pieces is that of the whole", "[text]") {
  Sha256 pieces;
  CHECK(pieces.hex() == sha256_hex(std::string_view("")));
  pieces.add("a");
  pieces.add("");
  CHECK(pieces.hex() == sha256_hex(std::string_view("a")));
  pieces.add("bc");
  CHECK(pieces.hex() == sha256_hex(std::string_view("abc")));
}

TEST_CASE("letters change case as in CPython", "[text]") {
  CHECK(lower("Über STRASSE ẞ") == "über strasse ß");
  CHECK(lower("ΟΔΟΣ ΣΑΣ Σ Α'Σ ΑΣ'Α") == "οδος σας σ α'ς ασ'α");
  CHECK(lower("İI") == "i\u0307i");
  CHECK(upper("über éa1") == "ÜBER ÉA1");
}
