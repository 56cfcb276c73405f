// Which reader stands for which algorithm.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

struct ReadScorer {
  std::unique_ptr<Scorer> scorer;
  std::string algorithm;       // short name, such as "gbm"
  std::string main_algorithm;  // of a pipeline: its main model's
};

// Throws FormatError, UnsupportedError.
ReadScorer read_scorer(const ModelSource& source);

}  // namespace mojo
