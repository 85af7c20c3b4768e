#include "harness/result/archive.h"

#include <charconv>
#include <limits>

namespace evalharness {

Value from_log_prob(double number) {
  return std::isfinite(number) ? Value(number) : Value(number_text(number));
}

Value from_log_prob(float number) {
  if (!std::isfinite(number)) return from_log_prob(static_cast<double>(number));
  char text[32];
  const char* end = std::to_chars(text, text + sizeof text, number).ptr;
  double brief = 0;
  std::from_chars(text, end, brief);
  // Decimal to double to float may round twice; then the exact value is written.
  return static_cast<float>(brief) == number ? brief : static_cast<double>(number);
}

double to_log_prob(const Place& at) {
  if (at.value.is_number()) return at.value.number();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::string text = at.value.is_string() ? at.value.string() : "";
  at.expect(text == "nan" || text == "inf" || text == "-inf", "a number, 'nan', 'inf' or '-inf'");
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  return text == "inf" ? kInfinity : -kInfinity;
}

Value from_bytes(const std::string& bytes) {
  if (is_valid_utf8(bytes)) return bytes;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char byte : bytes) {
    hex += kDigits[(static_cast<unsigned char>(byte) >> 4) & 15];
    hex += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return Value::Map{{"hex", hex}};
}

std::string to_bytes(const Place& at) {
  if (at.value.is_string()) return at.value.string();
  const Value* hex = at.value.find("hex");
  at.expect(hex != nullptr && hex->is_string(), "a string or {hex: ...}");
  std::string bytes;
  const std::string& digits = hex->string();
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(&digits[i], &digits[i] + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace evalharness
