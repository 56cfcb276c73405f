// XGBoost models with booster gbtree or dart, in float32 as Java computes them.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_xgboost(const ModelSource& source);

}  // namespace mojo
