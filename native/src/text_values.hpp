// The text side of a MOJO: lines, escapes, UTF-8 and the values behind `key = `.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mojo {

std::string_view trim(std::string_view text);  // all characters up to U+0020, as Java's String.trim
// Lines end at \n, \r and \r\n.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    std::size_t end = text.find_first_of("\r\n");
    visit(text.substr(0, end));
    if (end == text.npos) break;
    bool both = text.substr(end, 2) == "\r\n";
    text.remove_prefix(end + (both ? 2 : 1));
  }
}

std::vector<std::string_view> split_lines(std::string_view text);
std::string unescape(std::string_view line);  // \n, \r, \\ and \x -> x
bool is_utf8(std::string_view text);

// Each throws FormatError naming `key`.
std::int64_t parse_integer(std::string_view key, std::string_view text);
double parse_number(std::string_view key, std::string_view text);
bool parse_bool(std::string_view key, std::string_view text);
std::vector<std::int64_t> parse_integers(std::string_view key, std::string_view text);
std::vector<double> parse_numbers(std::string_view key, std::string_view text);

}  // namespace mojo
