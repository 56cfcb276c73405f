// Several models in one MOJO: the outputs of some are input columns of the main one.
#pragma once

#include <memory>
#include <string>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

struct Pipeline {
  std::unique_ptr<Scorer> scorer;
  std::string main_algorithm;
};

// Throws FormatError, UnsupportedError.
Pipeline read_pipeline(const ModelSource& source);

}  // namespace mojo
