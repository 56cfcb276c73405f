// k-LIME: a linear model for each cluster of rows, with the reasons for its answer.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_klime(const ModelSource& source);

}  // namespace mojo
