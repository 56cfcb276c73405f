#include "link_function.hpp"

#include <cmath>

#include "errors.hpp"
#include "java_math.hpp"
#include "java_numbers.hpp"

namespace mojo {
namespace {

double clamped_exp(double x) { return java_min(1e19, java_exp(x)); }

}  // namespace

Link parse_link(const std::string& name) {
  if (name == "identity" || name == "tweedie") return Link::identity;
  if (name == "log") return Link::log;
  if (name == "logit" || name == "ologit") return Link::logit;
  if (name == "ologlog") return Link::ologlog;
  if (name == "oprobit") return Link::oprobit;
  if (name == "inverse") return Link::inverse;
  throw UnsupportedError("link function " + name + " is not supported");
}

Link default_link(const std::string& distribution) {
  for (const char* name : {"bernoulli", "quasibinomial", "fractionalbinomial", "modified_huber", "ordinal"}) {
    if (distribution == name) return Link::logit;
  }
  for (const char* name : {"multinomial", "poisson", "gamma", "tweedie"}) {
    if (distribution == name) return Link::log;
  }
  return Link::identity;
}

double inverse_link(Link link, double margin) {
  switch (link) {
    case Link::log: return clamped_exp(margin);
    case Link::logit: return 1 / (1 + clamped_exp(-margin));
    case Link::ologlog: return 1 - clamped_exp(-clamped_exp(margin));
    case Link::oprobit: return 0;
    // Java has the negative constant in both branches.
    case Link::inverse: return 1 / (margin < 0 ? java_min(-1e-5, margin) : java_max(-1e-5, margin));
    case Link::identity: break;
  }
  return margin;
}

}  // namespace mojo
