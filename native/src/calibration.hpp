// Probabilities calibrated after training: they stand beside the model's own and change no label.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "isotonic_curve.hpp"
#include "model_source.hpp"

namespace mojo {

class Calibration {
 public:
  // Nothing where the model has none. Throws FormatError, UnsupportedError.
  static std::optional<Calibration> read(const ModelSource& source);

  const std::string& method() const { return method_; }  // "platt" or "isotonic"
  // The calibrated probability of the second class.
  double operator()(double first, double second) const;

 private:
  std::string method_;
  std::vector<double> beta_;  // Platt: of the first class's probability, and the constant
  IsotonicCurve isotonic_;
};

}  // namespace mojo
