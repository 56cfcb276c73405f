// The smooth terms of a generalized additive model.
#pragma once

#include "gam_scorer.hpp"
#include "model_source.hpp"

namespace mojo {

// Reads the terms into a model whose shape is known, and names where genmodel strays from training.
// Throws FormatError.
void read_gam_terms(const ModelSource& source, Gam& model);

}  // namespace mojo
