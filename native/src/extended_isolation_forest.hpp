// Extended isolation forests: trees that split along slopes.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_extended_isolation_forest(const ModelSource& source);

}  // namespace mojo
