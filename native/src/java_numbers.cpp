#include "java_numbers.hpp"

#include <locale.h>
#include <stdlib.h>

#include <charconv>
#include <string>

namespace mojo {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// from_chars leaves its result alone when a number is too large or too small; strtod does not.
double parse_extreme(const std::string& text) {
  static locale_t plain = newlocale(LC_ALL_MASK, "C", nullptr);
  return strtod_l(text.c_str(), nullptr, plain);
}

// Digits with at most one point, so few that digits and power of ten are whole doubles: their quotient is the
// number that Java reads (Clinger: "How to read floating point numbers accurately"). Most numbers are such.
std::optional<double> parse_short(std::string_view text) {
  static constexpr double kPowers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                       1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
  if (text.empty() || text.size() > 15) return std::nullopt;
  std::int64_t digits = 0;
  std::size_t point = text.size();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_digit(text[i]))
      digits = 10 * digits + (text[i] - '0');
    else if (text[i] == '.' && point == text.size() && text.size() > 1)
      point = i;
    else
      return std::nullopt;
  }
  double whole = static_cast<double>(digits);
  return point == text.size() ? whole : whole / kPowers[text.size() - point - 1];
}

std::optional<double> parse_digits(std::string_view text, bool hexadecimal) {
  double value = 0;
  auto format = hexadecimal ? std::chars_format::hex : std::chars_format::general;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, format);
  if (code == std::errc::result_out_of_range)
    return parse_extreme((hexadecimal ? "0x" : "") + std::string(text));
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Digits with at most one point, then an exponent (which a hexadecimal number must have).
bool is_java_float(std::string_view text, bool hexadecimal) {
  std::size_t at = 0;
  int digits = 0;
  int points = 0;
  for (; at < text.size(); ++at) {
    if (hexadecimal ? is_hex_digit(text[at]) : is_digit(text[at]))
      ++digits;
    else if (text[at] == '.' && points == 0)
      ++points;
    else
      break;
  }
  if (digits == 0) return false;
  if (at == text.size()) return !hexadecimal;
  char lower = static_cast<char>(text[at] | 0x20);
  if (lower != (hexadecimal ? 'p' : 'e')) return false;
  ++at;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
  std::size_t exponent = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  return at > exponent && at == text.size();
}

}  // namespace

std::optional<std::int32_t> parse_java_int(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  std::int32_t value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_decimal(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text == "Infinity") return negative ? -INFINITY : INFINITY;
  if (!is_java_float(text, false)) return std::nullopt;
  std::optional<double> value = parse_digits(text, false);
  return value && negative ? std::optional(-*value) : value;
}

std::optional<double> parse_java_double(std::string_view text) {
  if (std::optional<double> number = parse_short(text)) return number;
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::optional<double> value;
  if (text == "NaN") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (text == "Infinity") {
    value = INFINITY;
  } else {
    bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    if (hexadecimal) text.remove_prefix(2);
    // In a hexadecimal number d and f are digits, unless an exponent came before them.
    bool suffix = text.size() > 1 && std::string_view("dDfF").find(text.back()) != std::string_view::npos;
    if (suffix && (!hexadecimal || text.find_first_of("pP") != text.npos)) text.remove_suffix(1);
    if (!is_java_float(text, hexadecimal)) return std::nullopt;
    value = parse_digits(text, hexadecimal);
  }
  return value && negative ? std::optional(-*value) : value;
}

}  // namespace mojo
