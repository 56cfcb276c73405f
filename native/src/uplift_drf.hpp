// Uplift random forests: two probabilities per leaf, with treatment and without.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_uplift_drf(const ModelSource& source);

}  // namespace mojo
