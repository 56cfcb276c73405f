#include "text_values.hpp"

#include <charconv>

#include "errors.hpp"
#include "java_numbers.hpp"

namespace mojo {
namespace {

[[noreturn]] void refuse(std::string_view key, std::string_view text, const char* wanted) {
  std::string shown(text.substr(0, 60));
  throw FormatError("model.ini: " + std::string(key) + " = " + shown + " is not " + wanted);
}

template <class T, class Parse>
std::vector<T> parse_array(std::string_view key, std::string_view text, Parse parse) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') refuse(key, text, "an array in brackets");
  std::string_view rest = trim(text.substr(1, text.size() - 2));
  std::vector<T> values;
  while (!rest.empty()) {
    std::size_t comma = rest.find(',');
    values.push_back(parse(key, trim(rest.substr(0, comma))));
    if (comma == rest.npos) break;
    rest.remove_prefix(comma + 1);
    if (trim(rest).empty()) refuse(key, text, "an array without a hole at its end");
  }
  return values;
}

}  // namespace

std::string_view trim(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  for_each_line(text, [&](std::string_view line) { lines.push_back(line); });
  return lines;
}

std::string unescape(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      out += line[i];
      continue;
    }
    char next = line[++i];
    out += next == 'n' ? '\n' : next == 'r' ? '\r' : next;
  }
  return out;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    auto byte = static_cast<unsigned char>(text[i]);
    int more = byte < 0x80 ? 0 : byte >> 5 == 0x6 ? 1 : byte >> 4 == 0xe ? 2 : byte >> 3 == 0x1e ? 3 : -1;
    if (more < 0 || i + more >= text.size()) return false;
    std::uint32_t code = more == 0 ? byte : byte & (0x3f >> more);
    for (int k = 1; k <= more; ++k) {
      auto next = static_cast<unsigned char>(text[i + k]);
      if (next >> 6 != 2) return false;
      code = code << 6 | (next & 0x3f);
    }
    constexpr std::uint32_t shortest[] = {0, 0x80, 0x800, 0x10000};
    if (code < shortest[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    i += more + 1;
  }
  return true;
}

std::int64_t parse_integer(std::string_view key, std::string_view text) {
  std::int64_t value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || text.empty())
    refuse(key, text, "an integer");
  return value;
}

double parse_number(std::string_view key, std::string_view text) {
  std::optional<double> value = parse_decimal(text);
  if (!value) refuse(key, text, "a number");
  return *value;
}

bool parse_bool(std::string_view key, std::string_view text) {
  if (text != "true" && text != "false") refuse(key, text, "true or false");
  return text == "true";
}

std::vector<std::int64_t> parse_integers(std::string_view key, std::string_view text) {
  return parse_array<std::int64_t>(key, text, parse_integer);
}

std::vector<double> parse_numbers(std::string_view key, std::string_view text) {
  return parse_array<double>(key, text, parse_number);
}

}  // namespace mojo
