#include "encoding_map.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include "errors.hpp"
#include "java_hash_map.hpp"
#include "java_math.hpp"
#include "java_numbers.hpp"
#include "text_values.hpp"

namespace mojo {
namespace {

struct Sums {
  double numerator;
  double denominator;
};

using SumsOfClasses = std::vector<std::optional<Sums>>;  // of classes 1 and up, or of the one target

// Levels as they were put into Java's map.
struct Table {
  std::vector<std::int32_t> levels;
  std::vector<SumsOfClasses> sums;
};

[[noreturn]] void refuse(const std::string& column, std::string_view line, const char* what) {
  throw FormatError("encoding of column " + column + ": " + what + ": " + std::string(line.substr(0, 60)));
}

double parse_part(const std::string& column, std::string_view line, std::string_view& rest) {
  std::size_t blank = rest.find(' ');
  std::optional<double> value = parse_java_double(rest.substr(0, blank));
  if (!value) refuse(column, line, "not a number");
  rest.remove_prefix(blank == rest.npos ? rest.size() : blank + 1);
  return *value;
}

Table parse_table(const std::string& column, const std::vector<std::string_view>& entries,
                  std::size_t classes) {
  std::size_t width = classes > 2 ? classes - 1 : 1;
  Table table;
  std::map<std::int64_t, std::size_t> place;
  for (std::string_view line : entries) {
    std::size_t equals = line.find('=');
    if (equals == line.npos) refuse(column, line, "a line without '='");
    std::int64_t level = parse_integer("level of column " + column, trim(line.substr(0, equals)));
    if (level < 0 || level > std::numeric_limits<std::int32_t>::max()) refuse(column, line, "no level");
    std::string_view rest = trim(line.substr(equals + 1));
    double numerator = parse_part(column, line, rest);
    double denominator = parse_part(column, line, rest);
    std::int64_t of_class = 1;
    if (classes > 2) of_class = to_int(parse_part(column, line, rest));
    if (!rest.empty()) refuse(column, line, "too many numbers");

    auto [at, is_new] = place.try_emplace(level, table.levels.size());
    if (is_new) {
      table.levels.push_back(static_cast<std::int32_t>(level));
      table.sums.emplace_back(width);
    } else if (classes <= 2) {
      refuse(column, line, "a level twice");
    }
    // Class 0 is implied by the others; the class behind the last stands for missing targets.
    if (of_class < 1 || of_class > static_cast<std::int64_t>(width)) continue;
    std::optional<Sums>& sums = table.sums[at->second][static_cast<std::size_t>(of_class - 1)];
    if (sums) refuse(column, line, "a level and class twice");
    sums = Sums{numerator, denominator};
  }
  if (table.levels.empty()) throw FormatError("encoding of column " + column + " has no levels");
  for (std::size_t k = 0; k < table.levels.size(); ++k) {
    for (const std::optional<Sums>& sums : table.sums[k]) {
      if (!sums)
        throw FormatError("encoding of column " + column + ": level " + std::to_string(table.levels[k]) +
                          " lacks a class");
    }
  }
  return table;
}

double encode(Sums sums, double prior, const Blending* blending) {
  double mean = sums.numerator / sums.denominator;
  if (!blending) return mean;
  double rows = static_cast<double>(to_long(sums.denominator));
  double share = 1.0 / (1 + java_exp((blending->inflection_point - rows) / blending->smoothing));
  return share * mean + (1 - share) * prior;
}

}  // namespace

EncodingMap EncodingMap::parse(const std::string& column, const std::vector<std::string_view>& entries,
                               std::size_t classes, const Blending* blending) {
  Table table = parse_table(column, entries, classes);
  std::size_t width = table.sums[0].size();
  EncodingMap map;
  for (std::size_t c = 0; c < width; ++c) {
    double numerator = 0, denominator = 0;
    for (std::size_t k : java_hash_map_order(table.levels)) {
      numerator += table.sums[k][c]->numerator;
      denominator += table.sums[k][c]->denominator;
    }
    map.prior_.push_back(numerator / denominator);
  }
  std::vector<std::size_t> ascending(table.levels.size());
  std::iota(ascending.begin(), ascending.end(), std::size_t{0});
  std::sort(ascending.begin(), ascending.end(),
            [&](std::size_t a, std::size_t b) { return table.levels[a] < table.levels[b]; });
  for (std::size_t k : ascending) {
    map.levels_.push_back(table.levels[k]);
    for (std::size_t c = 0; c < width; ++c)
      map.values_.push_back(encode(*table.sums[k][c], map.prior_[c], blending));
  }
  return map;
}

const double* EncodingMap::find(std::int32_t level) const {
  auto found = std::lower_bound(levels_.begin(), levels_.end(), level);
  if (found == levels_.end() || *found != level) return nullptr;
  return &values_[static_cast<std::size_t>(found - levels_.begin()) * width()];
}

std::size_t EncodingMap::nbytes() const {
  return levels_.capacity() * sizeof(std::int32_t) +
         (values_.capacity() + prior_.capacity()) * sizeof(double);
}

}  // namespace mojo
