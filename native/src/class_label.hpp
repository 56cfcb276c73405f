// Which class a row gets, by the rules of hex.ModelUtils, ties included.
#pragma once

#include <span>
#include <vector>

#include "model_info.hpp"

namespace mojo {

// `preds` is [label, probabilities...]; returns the label index.
double choose_label(std::span<const double> preds, std::span<const double> row,
                    std::span<const double> priors, double threshold);

// Scales the probabilities from the class shares of balanced training back to the true ones.
void correct_balance(std::span<double> preds, std::span<const double> priors,
                     std::span<const double> trained);

// The end of a classifier: the correction for balanced classes where there is one, then the label.
struct ClassRule {
  // Throws FormatError.
  static ClassRule read(const ModelInfo& info);

  // `preds` is [label, probabilities...].
  void apply(const double* row, std::span<double> preds) const;

  std::size_t features = 0;
  double threshold = 0.5;
  std::vector<double> priors;
  std::vector<double> trained;  // class shares to correct for; empty without balance_classes
};

}  // namespace mojo
