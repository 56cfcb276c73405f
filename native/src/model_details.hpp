// `experimental/modelDetails.json`, of which one number matters: contributions of a random forest use it.
#pragma once

#include <optional>

#include "model_source.hpp"

namespace mojo {

// How many variables the model uses: those with an importance other than 0. Nothing where the file does not
// say. Throws FormatError.
std::optional<int> count_used_variables(const ModelSource& source);

}  // namespace mojo
