// From eta to the mean, as the generalized linear and additive models do; GBM's links have other clamps.
#pragma once

#include <span>
#include <string>

namespace mojo {

enum class GlmLink { identity, logit, log, inverse, tweedie };

// Throws UnsupportedError.
GlmLink parse_glm_link(const std::string& link);

// `power` is that of link tweedie.
double mean_of(GlmLink link, double eta, double power);

// `preds` is [label, one eta per class]; the etas become probabilities, and the label the likeliest class.
void share_classes(std::span<double> preds);

}  // namespace mojo
