// XGBoost models with booster gbtree or dart, in float32 as Java computes them.
#pragma once

#include <memory>

#include "model_info.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_xgboost(ZipArchive& archive, const std::string& prefix, const ModelInfo& info);

}  // namespace mojo
