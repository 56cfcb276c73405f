// Generalized low rank models: the weights of a row's archetypes.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_glrm(const ModelSource& source);

}  // namespace mojo
