// Feed-forward neural networks, autoencoders too.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_deep_learning(const ModelSource& source);

}  // namespace mojo
