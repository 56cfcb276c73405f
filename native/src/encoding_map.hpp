// The sums of the target per level that a target encoder keeps, and what they make of a level.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mojo {

struct Blending {
  double inflection_point;
  double smoothing;
};

// One encoded column: for each level a value per class, or one.
class EncodingMap {
 public:
  // `entries` are the lines of the column's section; `classes` as in model.ini; no blending: nullptr.
  // Throws FormatError.
  static EncodingMap parse(const std::string& column, const std::vector<std::string_view>& entries,
                           std::size_t classes, const Blending* blending);

  // Values of a level, or nullptr where the map has none.
  const double* find(std::int32_t level) const;
  // The last level stands for missing values where training had some.
  std::int32_t missing_level() const { return static_cast<std::int32_t>(levels_.size()) - 1; }
  const double* prior() const { return prior_.data(); }
  std::size_t width() const { return prior_.size(); }
  std::size_t nbytes() const;

 private:
  std::vector<std::int32_t> levels_;  // ascending
  std::vector<double> values_;        // width() per level
  std::vector<double> prior_;
};

}  // namespace mojo
