// The smooth terms of a GAM: from the values of their predictors to cells of the row that the coefficients
// see.
#pragma once

#include <memory>
#include <vector>

#include "gam_tables.hpp"

namespace mojo {

class GamSpline {
 public:
  GamSpline() = default;
  virtual ~GamSpline() = default;
  GamSpline(const GamSpline&) = delete;
  GamSpline& operator=(const GamSpline&) = delete;

  virtual std::size_t cells() const = 0;
  virtual std::size_t room() const = 0;  // doubles that expand() works in
  virtual std::size_t nbytes() const = 0;
  // `x` is none of it NaN. Throws RowError where genmodel fails.
  virtual void expand(const double* x, double* cells, double* room) const = 0;
};

// A cubic regression spline; `inverse` is H2O's _binvD, `center` its zTranspose.
std::unique_ptr<GamSpline> make_cubic_spline(std::vector<double> knots, Table inverse, Table center);
// I-splines: sums of B-splines, from 0 to 1.
std::unique_ptr<GamSpline> make_integrated_spline(const std::vector<double>& knots, std::size_t order);
// M-splines.
std::unique_ptr<GamSpline> make_monotone_spline(const std::vector<double>& knots, std::size_t order,
                                                Table center);

struct ThinPlate {
  std::size_t predictors = 0;
  int smoothness = 0;                         // m
  bool standardized = false;                  // genmodel then fails at every row
  Table knots;                                // one row per predictor
  Table reduce;                               // zTransposeCS
  Table center;                               // zTranspose
  std::vector<std::vector<int>> polynomials;  // exponents of the predictors
};
std::unique_ptr<GamSpline> make_thin_plate(ThinPlate plate);

}  // namespace mojo
