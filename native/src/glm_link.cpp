#include "glm_link.hpp"

#include <cmath>

#include "errors.hpp"
#include "java_math.hpp"
#include "java_numbers.hpp"

namespace mojo {

GlmLink parse_glm_link(const std::string& link) {
  if (link == "identity") return GlmLink::identity;
  if (link == "logit") return GlmLink::logit;
  if (link == "log") return GlmLink::log;
  if (link == "inverse") return GlmLink::inverse;
  if (link == "tweedie") return GlmLink::tweedie;
  throw UnsupportedError("GLM link " + link + " is not supported");
}

double mean_of(GlmLink link, double eta, double power) {
  switch (link) {
    case GlmLink::identity: return eta;
    case GlmLink::logit: return 1 / (java_exp(-eta) + 1);
    case GlmLink::log: return java_exp(eta);
    case GlmLink::inverse: return 1 / (eta < 0 ? java_min(-1e-5, eta) : java_max(1e-5, eta));
    case GlmLink::tweedie: break;
  }
  return power == 0 ? java_max(2e-16, java_exp(eta)) : java_pow(eta, 1 / power);
}

void share_classes(std::span<double> preds) {
  double largest = 0;  // Java starts here, not at the first eta
  for (double eta : preds.subspan(1)) {
    if (eta > largest) largest = eta;
  }
  double sum = 0;
  for (double& pred : preds.subspan(1)) {
    pred = java_exp(pred - largest);
    sum += pred;
  }
  double share = 1 / sum;
  double best = 0;
  preds[0] = 0;
  for (std::size_t c = 1; c < preds.size(); ++c) {
    preds[c] *= share;
    if (preds[c] > best) {
      best = preds[c];
      preds[0] = static_cast<double>(c - 1);
    }
  }
}

}  // namespace mojo
