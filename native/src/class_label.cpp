#include "class_label.hpp"

#include <bit>
#include <cstdint>
#include <vector>

#include "java_numbers.hpp"

namespace mojo {
namespace {

double break_tie(std::span<const double> preds, std::span<const double> row, std::span<const double> priors,
                 const std::vector<int>& ties, int count, std::size_t best) {
  std::int64_t hash = 0;
  for (double value : row) hash ^= std::bit_cast<std::int64_t>(value) >> 6;
  if (!priors.empty()) {
    double sum = 0;
    for (int tie : ties) sum += priors[tie];
    double drawn = JavaRandom(hash).next_double();
    double reached = 0;
    for (int tie : ties) {
      reached += priors[tie] / sum;
      if (drawn <= reached) return tie;
    }
  }
  double value = preds[best];
  int skip = static_cast<std::int32_t>(hash) % (count + 1);
  std::size_t chosen = 1;
  for (; chosen < preds.size(); ++chosen) {
    if (value == preds[chosen] && --skip < 0) break;
  }
  return static_cast<double>(chosen - 1);
}

}  // namespace

double choose_label(std::span<const double> preds, std::span<const double> row,
                    std::span<const double> priors, double threshold) {
  if (preds.size() == 3) return preds[2] >= threshold ? 1 : 0;
  std::size_t best = 1;
  int count = 0;
  // Java starts with class 0 among the ties, never empties the list, and does not add a new maximum to it.
  std::vector<int> ties;
  for (std::size_t c = 2; c < preds.size(); ++c) {
    if (preds[best] < preds[c]) {
      best = c;
      count = 0;
    } else if (preds[best] == preds[c]) {
      ++count;
      if (ties.empty()) ties.push_back(0);
      ties.push_back(static_cast<int>(c) - 1);
    }
  }
  return count == 0 ? static_cast<double>(best - 1) : break_tie(preds, row, priors, ties, count, best);
}

void correct_balance(std::span<double> preds, std::span<const double> priors,
                     std::span<const double> trained) {
  double sum = 0;
  for (std::size_t c = 1; c < preds.size(); ++c) {
    if (priors[c - 1] != 0 && trained[c - 1] != 0) preds[c] *= priors[c - 1] / trained[c - 1];
    sum += preds[c];
  }
  if (sum > 0) {
    for (std::size_t c = 1; c < preds.size(); ++c) preds[c] /= sum;
  }
}

ClassRule ClassRule::read(const ModelInfo& info) {
  ClassRule rule{info.n_features, info.default_threshold, info.prior_distribution, {}};
  if (info.balance_classes && info.n_classes > 1) {
    if (info.prior_distribution.empty() || info.model_distribution.empty())
      throw FormatError("model.ini: balance_classes without class distributions");
    rule.trained = info.model_distribution;
  }
  return rule;
}

void ClassRule::apply(const double* row, std::span<double> preds) const {
  if (!trained.empty()) correct_balance(preds, priors, trained);
  preds[0] = choose_label(preds, {row, features}, priors, threshold);
}

}  // namespace mojo
