// What a GLRM demands of the weights of a row.
#pragma once

#include <span>
#include <string>

#include "java_numbers.hpp"

namespace mojo {

enum class GlrmRegularizer {
  none,
  quadratic,
  l2,
  l1,
  non_negative,
  one_sparse,
  unit_one_sparse,
  simplex,
};

// Throws UnsupportedError.
GlrmRegularizer parse_glrm_regularizer(const std::string& name);

// The penalty of weights; an infinity for those that are not allowed.
double penalty(GlrmRegularizer regularizer, std::span<const double> weights);

// The proximal operator of `step` times the penalty: `weights` to `out`, which is as long. `sorted` is room
// of that length too. Ties are broken by `random`.
void approach(GlrmRegularizer regularizer, std::span<const double> weights, double step, JavaRandom& random,
              std::span<double> out, std::span<double> sorted);

// Moves the start of the search to where weights are allowed.
void project(GlrmRegularizer regularizer, std::span<double> weights, JavaRandom& random,
             std::span<double> out, std::span<double> sorted);

}  // namespace mojo
