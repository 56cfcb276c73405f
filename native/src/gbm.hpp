// Gradient boosting machine.
#pragma once

#include <memory>

#include "model_info.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_gbm(ZipArchive& archive, const std::string& prefix, const ModelInfo& info,
                                 const Limits& limits);

}  // namespace mojo
