// Generalized linear models, all families that H2O exports.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// What the columns of a row contribute: the side of a GLM with one answer that k-LIME wants.
class ReasonCodes {
 public:
  virtual ~ReasonCodes() = default;
  // One number per column, as h2o-genmodel's applyCoefficients; cells of unknown levels are left as they are.
  virtual void explain(const double* row, double* reasons) const = 0;
  // Where the first level is the base, genmodel counts levels in the wrong direction.
  virtual bool shifts_levels() const = 0;
};

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_glm(const ModelSource& source);

}  // namespace mojo
