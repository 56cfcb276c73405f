// RuleFit: rules made of trees become levels, which a linear model scores.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_rule_fit(const ModelSource& source);

}  // namespace mojo
