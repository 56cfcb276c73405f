// Inverse links of GBM: from the sum of the leaves to the prediction.
#pragma once

#include <string>

namespace mojo {

enum class Link { identity, log, logit, ologlog, oprobit, inverse };

// Throws UnsupportedError.
Link parse_link(const std::string& name);
// The link that a distribution implies in files from before `link_function` existed.
Link default_link(const std::string& distribution);
double inverse_link(Link link, double margin);

}  // namespace mojo
