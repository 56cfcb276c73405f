// A Cox proportional hazards model in memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "errors.hpp"
#include "java_numbers.hpp"
#include "keyed_hash.hpp"
#include "model_info.hpp"
#include "scorer.hpp"

namespace mojo {

// A column of the row that is made of two others where it is missing.
struct CoxInteraction {
  enum class Kind { levels, level_and_number, numbers } kind;
  std::size_t first, second;  // of level_and_number: the level, the number
  std::size_t target;
  std::unordered_map<std::string, int, KeyedHash> pairs;  // of levels: "a_b" to the target's level
};

class CoxPh final : public Scorer {
 public:
  std::size_t width() const override { return 1; }
  std::vector<std::string> value_names() const override { return {"lp"}; }
  OffsetUse offset_use() const override { return OffsetUse::added; }
  std::size_t nbytes() const override {
    return (coefficients.capacity() + bases.capacity() + offsets.capacity() + of_numbers.capacity()) *
               sizeof(double) +
           strata.capacity() * sizeof(std::int32_t);
  }
  std::vector<std::string> deviations() const override {
    std::vector<std::string> all;
    if (strata_columns > 0)
      all.push_back("a missing stratum counts as the first level of its column, as in genmodel");
    if (!interactions.empty())
      all.push_back("a missing level inside an interaction counts as the first level, as in genmodel");
    if (strata_columns > 0 && !interactions.empty()) {
      all.push_back(
          "genmodel counts interactions from the first column and coefficients from behind the strata, so they "
          "do not meet where a model has both; this is copied");
    }
    return all;
  }

  // The row with its interactions, then the coefficient that each number takes (-1: its own).
  void prepare(Scratch& scratch) const override { scratch.doubles.resize(features + numbers); }

  void score(const double* given, double offset, double* preds, Scratch& scratch) const override {
    double* row = scratch.doubles.data();
    double* chosen = row + features;
    std::copy_n(given, features, row);
    std::fill_n(chosen, numbers, -1.0);
    for (const CoxInteraction& interaction : interactions) fill(interaction, row, chosen);
    const double* values = row + strata_columns;
    preds[0] = sum_levels(values) + sum_numbers(values, chosen) - base_of(row) + offset;
  }

  std::size_t features = 0;
  std::size_t strata_columns = 0;  // the first ones of a row
  std::size_t categories = 0;
  std::size_t numbers = 0;
  bool all_levels = false;
  std::vector<double> coefficients;
  std::vector<std::int64_t> offsets;     // coefficients of the categorical columns
  std::vector<std::int64_t> of_numbers;  // coefficient of each number
  std::vector<std::int32_t> strata;      // `strata_columns` levels each, in ascending order
  std::vector<double> bases;             // per stratum: what the mean row has
  std::vector<CoxInteraction> interactions;
  std::set<std::size_t> targets;
  std::unordered_map<std::size_t, Domain> domains;  // of the columns that interactions name

 private:
  void fill(const CoxInteraction& interaction, double* row, double* chosen) const {
    double& target = row[interaction.target];
    if (!std::isnan(target)) return;
    double first = row[interaction.first], second = row[interaction.second];
    switch (interaction.kind) {
      case CoxInteraction::Kind::numbers: target = first * second; break;
      case CoxInteraction::Kind::levels: {
        auto found = interaction.pairs.find(std::string(level_name(interaction.first, first)) + "_" +
                                            std::string(level_name(interaction.second, second)));
        target = found == interaction.pairs.end() ? -1 : found->second;
        break;
      }
      case CoxInteraction::Kind::level_and_number: {
        std::int64_t level = std::int64_t{to_int(first)} - (all_levels ? 0 : 1);
        target = level < 0 ? 0 : second;
        // Java's index, right where no strata stand before.
        std::size_t at = interaction.target - categories;
        if (interaction.target < categories || at >= numbers)
          throw RowError("genmodel has no coefficient for the interaction in column " +
                         std::to_string(interaction.target));
        chosen[at] = static_cast<double>(level + of_numbers[at]);
      }
    }
  }

  std::string_view level_name(std::size_t column, double value) const {
    const Domain& domain = domains.at(column);
    std::int32_t level = to_int(value);
    if (level < 0 || level >= static_cast<std::int32_t>(domain.size()))
      throw RowError("categorical column " + std::to_string(column) + " holds " + std::to_string(value));
    return domain[level];
  }

  double sum_levels(const double* values) const {
    double sum = 0;
    for (std::size_t i = 0; i < categories; ++i) {
      double value = values[i];
      if (!all_levels) {
        if (std::isnan(value)) {
          sum = value;
          continue;
        }
        if (value < 0) continue;
      }
      bool base_dropped = !all_levels && !targets.contains(i);  // levels of a target are counted without it
      std::int64_t level = std::int64_t{to_int(value)} - base_dropped;
      if (static_cast<double>(level) != value - base_dropped) {
        throw RowError(
            "categorical column " + std::to_string(strata_columns + i) + " holds " +
            (std::isnan(value) ? "a missing value, and the model fills no gaps" : std::to_string(value)));
      }
      if (level >= 0 && level < offsets[i + 1] - offsets[i]) sum += coefficients[offsets[i] + level];
    }
    return sum;
  }

  double sum_numbers(const double* values, const double* chosen) const {
    double sum = 0;
    auto end = static_cast<double>(coefficients.size());
    for (std::size_t i = 0; i < numbers; ++i) {
      double at = chosen[i] < 0 ? static_cast<double>(of_numbers[i]) : chosen[i];
      if (at >= end) break;  // Java stops here, whatever follows
      sum += coefficients[static_cast<std::size_t>(at)] * values[categories + i];
    }
    return sum;
  }

  double base_of(const double* row) const {
    std::size_t low = 0, high = bases.size();
    while (strata_columns > 0 && low < high) {
      std::size_t middle = (low + high) / 2;
      int order = compare(&strata[middle * strata_columns], row);
      if (order == 0) return bases[middle];
      (order < 0 ? low : high) = order < 0 ? middle + 1 : middle;
    }
    if (strata_columns > 0) throw RowError("its stratum is unknown to the model");
    return bases[0];
  }

  int compare(const std::int32_t* stratum, const double* row) const {
    for (std::size_t i = 0; i < strata_columns; ++i) {
      std::int32_t level = to_int(row[i]);
      if (stratum[i] != level) return stratum[i] < level ? -1 : 1;
    }
    return 0;
  }
};

}  // namespace mojo
