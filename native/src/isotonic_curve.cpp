#include "isotonic_curve.hpp"

#include <cmath>

#include "byte_reader.hpp"
#include "java_numbers.hpp"

namespace mojo {
namespace {

std::vector<double> read_thresholds(const ModelSource& source, const std::string& name) {
  std::vector<std::uint8_t> bytes;
  source.read(name, bytes);
  ByteReader reader(bytes, name);
  std::uint32_t count = reader.big<std::uint32_t>();
  if (reader.left() != std::uint64_t{count} * 8)
    throw FormatError(name + " does not hold " + std::to_string(count) + " numbers");
  std::vector<double> values(count);
  for (double& value : values) value = reader.big_double();
  return values;
}

// Java's order of doubles in a search: -0.0 is below 0.0.
bool below(double a, double b) { return a < b || (a == b && std::signbit(a) && !std::signbit(b)); }

}  // namespace

IsotonicCurve IsotonicCurve::read(const ModelSource& source) {
  IsotonicCurve curve;
  curve.min_ = source.info.values.number("calib_min_x");
  curve.max_ = source.info.values.number("calib_max_x");
  curve.xs_ = read_thresholds(source, "calib/thresholds_x");
  curve.ys_ = read_thresholds(source, "calib/thresholds_y");
  const std::vector<double>& xs = curve.xs_;
  if (xs.empty() || xs.size() != curve.ys_.size()) {
    throw FormatError("calib/thresholds_x has " + std::to_string(xs.size()) + " numbers, thresholds_y " +
                      std::to_string(curve.ys_.size()));
  }
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (std::isnan(xs[i]) || (i > 0 && below(xs[i], xs[i - 1])))
      throw FormatError("calib/thresholds_x does not ascend at number " + std::to_string(i));
  }
  if (!(xs.front() <= curve.min_ && curve.min_ <= curve.max_ && curve.max_ <= xs.back()))
    throw FormatError("model.ini: calib_min_x and calib_max_x are outside of the thresholds");
  return curve;
}

double IsotonicCurve::at(double x) const {
  if (std::isnan(x)) return x;
  x = x < min_ ? min_ : java_min(x, max_);
  // Columns of few values leave steps at one threshold: which of them answers is a matter of the search.
  std::ptrdiff_t first = 0, last = static_cast<std::ptrdiff_t>(xs_.size()) - 1;
  while (first <= last) {
    std::ptrdiff_t middle = (first + last) / 2;
    double threshold = xs_[static_cast<std::size_t>(middle)];
    if (below(threshold, x))
      first = middle + 1;
    else if (below(x, threshold))
      last = middle - 1;
    else
      return ys_[static_cast<std::size_t>(middle)];
  }
  auto high = static_cast<std::size_t>(first);
  if (high == 0 || high == xs_.size()) throw RowError("zero lies beyond the thresholds by its sign");
  std::size_t low = high - 1;
  double slope = (ys_[high] - ys_[low]) / (xs_[high] - xs_[low]);
  return ys_[low] + slope * (x - xs_[low]);
}

}  // namespace mojo
