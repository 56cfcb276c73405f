#include "calibration.hpp"

#include "java_math.hpp"

namespace mojo {

std::optional<Calibration> Calibration::read(const ModelSource& source) {
  const InfoValues& values = source.info.values;
  const std::string* method = values.find("calib_method");
  if (!method || source.info.category != "Binomial") return std::nullopt;
  Calibration calibration;
  calibration.method_ = *method;
  if (*method == "platt") {
    calibration.beta_ = values.numbers("calib_glm_beta", 2);
  } else if (*method == "isotonic") {
    calibration.isotonic_ = IsotonicCurve::read(source);
  } else {
    throw UnsupportedError("calibration method " + *method + " is not supported");
  }
  return calibration;
}

double Calibration::operator()(double first, double second) const {
  if (method_ == "isotonic") return isotonic_.at(second);
  return 1 / (java_exp(-(first * beta_[0] + beta_[1])) + 1);
}

}  // namespace mojo
