// A rising curve of straight lines between thresholds: isotonic regression, isotonic calibration.
#pragma once

#include <cstddef>
#include <vector>

#include "model_source.hpp"

namespace mojo {

class IsotonicCurve {
 public:
  // Reads `calib_min_x`, `calib_max_x` and the entries `calib/thresholds_*`. Throws FormatError.
  static IsotonicCurve read(const ModelSource& source);

  // NaN for NaN; outside of the range the value at its end. Throws RowError for -0.0 where the range starts
  // at 0.0: Java looks for a step below.
  double at(double x) const;
  std::size_t nbytes() const { return (xs_.capacity() + ys_.capacity()) * sizeof(double); }

 private:
  double min_ = 0, max_ = 0;
  std::vector<double> xs_, ys_;
};

}  // namespace mojo
