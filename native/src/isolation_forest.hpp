// Isolation forests: how short the path to a row is, in trees that split at random.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_isolation_forest(const ModelSource& source);

}  // namespace mojo
