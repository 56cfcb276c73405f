#include "glrm_loss.hpp"

#include <algorithm>
#include <cmath>

#include "errors.hpp"
#include "java_math.hpp"
#include "java_numbers.hpp"

namespace mojo {

GlrmLoss parse_glrm_loss(const std::string& name) {
  if (name == "Quadratic") return GlrmLoss::quadratic;
  if (name == "Absolute") return GlrmLoss::absolute;
  if (name == "Huber") return GlrmLoss::huber;
  if (name == "Poisson") return GlrmLoss::poisson;
  if (name == "Logistic") return GlrmLoss::logistic;
  if (name == "Hinge") return GlrmLoss::hinge;
  if (name == "Categorical") return GlrmLoss::categorical;
  if (name == "Ordinal") return GlrmLoss::ordinal;
  // Periodic ends up here: genmodel cannot load such a file either.
  throw UnsupportedError("GLRM loss " + name + " is not supported");
}

double loss_of(GlrmLoss loss, double u, double a) {
  double off = u - a;
  switch (loss) {
    case GlrmLoss::quadratic: return off * off;
    case GlrmLoss::absolute: return std::fabs(off);
    case GlrmLoss::huber: return off > 1 ? off - 0.5 : off < -1 ? -off - 0.5 : 0.5 * off * off;
    case GlrmLoss::poisson: return java_exp(u) + (a == 0 ? 0 : -a * u + a * java_log(a) - a);
    case GlrmLoss::logistic: return java_log(1 + java_exp((1 - 2 * a) * u));
    case GlrmLoss::hinge: return java_max(1 + (1 - 2 * a) * u, 0.0);
    case GlrmLoss::categorical:
    case GlrmLoss::ordinal: break;
  }
  return 0;
}

double slope_of(GlrmLoss loss, double u, double a) {
  double off = u - a;
  double sign = 1 - 2 * a;
  switch (loss) {
    case GlrmLoss::quadratic: return 2 * off;
    case GlrmLoss::absolute: return off > 0 ? 1 : off < 0 ? -1 : off;
    case GlrmLoss::huber: return off > 1 ? 1 : off < -1 ? -1 : off;
    case GlrmLoss::poisson: return java_exp(u) - a;
    case GlrmLoss::logistic: return sign / (1 + java_exp(-sign * u));
    case GlrmLoss::hinge: return 1 + sign * u > 0 ? sign : 0;
    case GlrmLoss::categorical:
    case GlrmLoss::ordinal: break;
  }
  return 0;
}

double loss_of_levels(GlrmLoss loss, const double* u, int a, int levels) {
  double sum = 0;
  if (loss == GlrmLoss::categorical) {
    for (int i = 0; i < levels; ++i) sum += java_max(1 + u[i], 0.0);
    sum += java_max(1 - u[a], 0.0) - java_max(1 + u[a], 0.0);
  } else {
    for (int i = 0; i + 1 < levels; ++i) sum += a > i ? java_max(1 - u[i], 0.0) : 1;
  }
  return sum;
}

void slopes_of_levels(GlrmLoss loss, const double* u, int a, int levels, double* slopes) {
  if (loss == GlrmLoss::categorical) {
    for (int i = 0; i < levels; ++i) slopes[i] = 1 + u[i] > 0 ? 1 : 0;
    slopes[a] = 1 - u[a] > 0 ? -1 : 0;
  } else {
    std::fill_n(slopes, levels, 0.0);
    for (int i = 0; i + 1 < levels; ++i) slopes[i] = a > i && 1 - u[i] > 0 ? -1 : 0;
  }
}

}  // namespace mojo
