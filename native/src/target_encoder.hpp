// Target encoding: levels become shares or means of the target.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_target_encoder(const ModelSource& source);

}  // namespace mojo
