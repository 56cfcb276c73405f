// Random forests: the mean of the trees, one per class or one for both classes.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_drf(const ModelSource& source);

}  // namespace mojo
