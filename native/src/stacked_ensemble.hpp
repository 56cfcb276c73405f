// Stacked ensembles: a metalearner on the predictions of base models.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_stacked_ensemble(const ModelSource& source);

}  // namespace mojo
