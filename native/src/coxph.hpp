// Cox proportional hazards.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_coxph(const ModelSource& source);

}  // namespace mojo
