// What a GLRM pays for a reconstructed value `u` where the row has `a`, and the slope of that in u.
#pragma once

#include <string>

namespace mojo {

enum class GlrmLoss { quadratic, absolute, huber, poisson, logistic, hinge, categorical, ordinal };

// Throws UnsupportedError.
GlrmLoss parse_glrm_loss(const std::string& name);

// True for the losses of a categorical column, which look at one value per level.
inline bool is_for_levels(GlrmLoss loss) {
  return loss == GlrmLoss::categorical || loss == GlrmLoss::ordinal;
}

double loss_of(GlrmLoss loss, double u, double a);
double slope_of(GlrmLoss loss, double u, double a);

// The same over the `levels` values of `u` where the row has level `a`.
double loss_of_levels(GlrmLoss loss, const double* u, int a, int levels);
void slopes_of_levels(GlrmLoss loss, const double* u, int a, int levels, double* slopes);

}  // namespace mojo
