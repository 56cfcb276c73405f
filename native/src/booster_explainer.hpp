// Explanations of XGBoost's trees.
#pragma once

#include <functional>
#include <memory>

#include "explainer.hpp"
#include "model_source.hpp"
#include "xgboost_booster.hpp"

namespace mojo {

// What an explainer must know of the scorer.
struct BoosterFrame {
  std::vector<std::string> names;  // of the cells of the feature vector; empty where they are not known
  std::size_t cells = 0;
  float base = 0;  // margin
  std::function<void(const double* row, float* vector)> encode;
};

// Throws FormatError.
std::unique_ptr<Explainer> make_booster_explainer(BoosterFrame frame, std::size_t groups,
                                                  const ModelSource& source);

}  // namespace mojo
