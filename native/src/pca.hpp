// Principal components.
#pragma once

#include <memory>

#include "model_info.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_pca(ZipArchive& archive, const std::string& prefix, const ModelInfo& info);

}  // namespace mojo
