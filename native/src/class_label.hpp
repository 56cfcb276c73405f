// Which class a row gets, by the rules of hex.ModelUtils, ties included.
#pragma once

#include <span>

namespace mojo {

// `preds` is [label, probabilities...]; returns the label index.
double choose_label(std::span<const double> preds, std::span<const double> row,
                    std::span<const double> priors, double threshold);

// Scales the probabilities from the class shares of balanced training back to the true ones.
void correct_balance(std::span<double> preds, std::span<const double> priors,
                     std::span<const double> trained);

}  // namespace mojo
