#include "glrm_regularizer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "errors.hpp"

namespace mojo {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

double sum_of_squares(std::span<const double> weights) {
  double sum = 0;
  for (double weight : weights) sum += weight * weight;
  return sum;
}

// Math.ulp.
double ulp(double value) {
  value = std::fabs(value);
  return std::isinf(value) || std::isnan(value) ? value : std::nextafter(value, kNever) - value;
}

double simplex_penalty(std::span<const double> weights) {
  double sum = 0;
  for (double weight : weights) {
    if (weight < 0) return kNever;
    sum += weight;
  }
  // As far as a sum of so many terms may be off. No weight is negative, so their sizes add up to the same.
  return std::fabs(sum - 1) <= static_cast<double>(weights.size() - 1) * ulp(sum) * sum ? 0 : kNever;
}

// The largest entry; among equal ones by lot, each as likely as the other.
std::size_t draw_largest(std::span<const double> weights, JavaRandom& random) {
  std::size_t largest = 0;
  std::int32_t ties = 0;
  for (std::size_t i = 1; i < weights.size(); ++i) {
    if (weights[i] > weights[largest]) {
      largest = i;
      ties = 1;
    } else if (weights[i] == weights[largest]) {
      if (random.next_int(++ties) == 0) largest = i;
    }
  }
  return largest;
}

// Java sorts short arrays by insertion, which matters where one is NaN.
void sort_ascending(std::span<double> values) {
  if (values.size() >= 500) {
    std::stable_sort(values.begin(), values.end());
    return;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = i; j > 0 && values[j - 1] > values[j]; --j) std::swap(values[j - 1], values[j]);
  }
}

// Chen and Ye, "Projection onto a simplex", arXiv 1101.6081.
void onto_simplex(std::span<const double> weights, std::span<double> out, std::span<double> sorted) {
  std::size_t n = weights.size();
  std::copy(weights.begin(), weights.end(), sorted.begin());
  sort_ascending(sorted);
  double sum = 0;
  std::span<double> sums = out;  // sums[i]: of the entries from i upwards
  for (std::size_t i = n; i-- > 0;) {
    sum = i + 1 == n ? sorted[i] : sum + sorted[i];
    sums[i] = sum;
  }
  double cut = (sums[0] - 1) / static_cast<double>(n);
  for (std::size_t i = n; i-- > 1;) {
    double candidate = (sums[i] - 1) / static_cast<double>(n - i);
    if (candidate >= sorted[i - 1]) {
      cut = candidate;
      break;
    }
  }
  for (std::size_t i = 0; i < n; ++i) out[i] = java_max(weights[i] - cut, 0.0);
}

}  // namespace

GlrmRegularizer parse_glrm_regularizer(const std::string& name) {
  if (name == "None") return GlrmRegularizer::none;
  if (name == "Quadratic") return GlrmRegularizer::quadratic;
  if (name == "L2") return GlrmRegularizer::l2;
  if (name == "L1") return GlrmRegularizer::l1;
  if (name == "NonNegative") return GlrmRegularizer::non_negative;
  if (name == "OneSparse") return GlrmRegularizer::one_sparse;
  if (name == "UnitOneSparse") return GlrmRegularizer::unit_one_sparse;
  if (name == "Simplex") return GlrmRegularizer::simplex;
  throw UnsupportedError("GLRM regularization " + name + " is not supported");
}

double penalty(GlrmRegularizer regularizer, std::span<const double> weights) {
  auto count = [&](auto matches) {
    return static_cast<std::size_t>(std::count_if(weights.begin(), weights.end(), matches));
  };
  std::size_t negative = count([](double weight) { return weight < 0; });
  switch (regularizer) {
    case GlrmRegularizer::none: return 0;
    case GlrmRegularizer::quadratic: return sum_of_squares(weights);
    case GlrmRegularizer::l2: return std::sqrt(sum_of_squares(weights));
    case GlrmRegularizer::l1: {
      double sum = 0;
      for (double weight : weights) sum += std::fabs(weight);
      return sum;
    }
    case GlrmRegularizer::non_negative: return negative > 0 ? kNever : 0;
    case GlrmRegularizer::one_sparse:
      return negative == 0 && count([](double weight) { return weight > 0; }) == 1 ? 0 : kNever;
    case GlrmRegularizer::unit_one_sparse: {
      std::size_t zeros = count([](double weight) { return weight == 0; });
      std::size_t ones = count([](double weight) { return weight == 1; });
      return ones == 1 && zeros == weights.size() - 1 ? 0 : kNever;
    }
    case GlrmRegularizer::simplex: break;
  }
  return simplex_penalty(weights);
}

void approach(GlrmRegularizer regularizer, std::span<const double> weights, double step, JavaRandom& random,
              std::span<double> out, std::span<double> sorted) {
  if (step == 0 || regularizer == GlrmRegularizer::none) {
    std::copy(weights.begin(), weights.end(), out.begin());
    return;
  }
  switch (regularizer) {
    case GlrmRegularizer::none: break;
    case GlrmRegularizer::quadratic: {
      double factor = 1 / (1 + 2 * step);
      for (std::size_t i = 0; i < weights.size(); ++i) out[i] = weights[i] * factor;
      break;
    }
    case GlrmRegularizer::l2: {
      double factor = 1 - step / std::sqrt(sum_of_squares(weights));
      for (std::size_t i = 0; i < weights.size(); ++i) out[i] = factor < 0 ? 0 : factor * weights[i];
      break;
    }
    case GlrmRegularizer::l1:
      for (std::size_t i = 0; i < weights.size(); ++i)
        out[i] = java_max(weights[i] - step, 0.0) + java_min(weights[i] + step, 0.0);
      break;
    case GlrmRegularizer::non_negative:
      for (std::size_t i = 0; i < weights.size(); ++i) out[i] = java_max(weights[i], 0.0);
      break;
    case GlrmRegularizer::one_sparse:
    case GlrmRegularizer::unit_one_sparse: {
      std::size_t at = draw_largest(weights, random);
      double kept = regularizer == GlrmRegularizer::unit_one_sparse ? 1
                    : weights[at] > 0                               ? weights[at]
                                                                    : 1e-6;
      std::fill(out.begin(), out.end(), 0.0);
      out[at] = kept;
      break;
    }
    case GlrmRegularizer::simplex: onto_simplex(weights, out, sorted);
  }
}

void project(GlrmRegularizer regularizer, std::span<double> weights, JavaRandom& random,
             std::span<double> out, std::span<double> sorted) {
  switch (regularizer) {
    case GlrmRegularizer::none:
    case GlrmRegularizer::quadratic:
    case GlrmRegularizer::l2:
    case GlrmRegularizer::l1: return;
    case GlrmRegularizer::simplex:
      if (penalty(regularizer, weights) == 0) return;
      break;
    default: break;
  }
  approach(regularizer, weights, 1, random, out, sorted);
  std::copy(out.begin(), out.end(), weights.begin());
}

}  // namespace mojo
