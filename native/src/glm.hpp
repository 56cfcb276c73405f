// Generalized linear models, all families that H2O exports.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_glm(const ModelSource& source);

}  // namespace mojo
