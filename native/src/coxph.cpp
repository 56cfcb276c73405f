#include "coxph.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <unordered_map>

#include "double_blob.hpp"
#include "java_numbers.hpp"
#include "level_blocks.hpp"

namespace mojo {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();

// A column of the row that is made of two others where it is missing.
struct Interaction {
  enum class Kind { levels, level_and_number, numbers } kind;
  std::size_t first, second;  // of level_and_number: the level, the number
  std::size_t target;
  std::unordered_map<std::string, int> pairs;  // of levels: "a_b" to the target's level
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
    for (const Interaction& interaction : interactions) fill(interaction, row, chosen);
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
  std::vector<Interaction> interactions;
  std::set<std::size_t> targets;

 private:
  void fill(const Interaction& interaction, double* row, double* chosen) const {
    double& target = row[interaction.target];
    if (!std::isnan(target)) return;
    double first = row[interaction.first], second = row[interaction.second];
    switch (interaction.kind) {
      case Interaction::Kind::numbers: target = first * second; break;
      case Interaction::Kind::levels: {
        auto found = interaction.pairs.find(level_name(interaction.first, first) + "_" +
                                            level_name(interaction.second, second));
        target = found == interaction.pairs.end() ? -1 : found->second;
        break;
      }
      case Interaction::Kind::level_and_number: {
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

  const std::string& level_name(std::size_t column, double value) const {
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

 public:
  std::unordered_map<std::size_t, Domain> domains;  // of the columns that interactions name
};

// The strata in ascending order and what each has as its base.
void read_strata(const ModelSource& source, CoxPh& model) {
  const InfoValues& values = source.info.values;
  std::size_t count = values.count("strata_count", 0, kMost);
  std::size_t rows = std::max<std::size_t>(count, 1);
  auto most = static_cast<std::int64_t>(model.coefficients.size());
  for (const char* name : {"x_mean_cat_size1", "x_mean_num_size1"}) values.count(name, rows, rows);
  std::size_t cells = values.count("x_mean_cat_size2", 0, most);
  std::size_t numbers = values.count("x_mean_num_size2", 0, most - static_cast<std::int64_t>(cells));
  std::vector<double> mean_cells = read_doubles(source, "x_mean_cat", rows, cells);
  std::vector<double> mean_numbers = read_doubles(source, "x_mean_num", rows, numbers);

  std::vector<std::pair<std::vector<std::int32_t>, double>> found(rows);
  for (std::size_t s = 0; s < rows; ++s) {
    double base = 0;
    for (std::size_t i = 0; i < cells; ++i) base += mean_cells[s * cells + i] * model.coefficients[i];
    for (std::size_t i = 0; i < numbers; ++i)
      base += mean_numbers[s * numbers + i] * model.coefficients[cells + i];
    found[s].second = base;
    if (count == 0) continue;
    for (double level : values.numbers("strata_" + std::to_string(s)))
      found[s].first.push_back(to_int(level));
    if (found[s].first.empty() || found[s].first.size() != found[0].first.size())
      throw FormatError("model.ini: strata_" + std::to_string(s) + " has another length than strata_0");
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  model.strata_columns = found[0].first.size();
  for (std::size_t s = 0; s < rows; ++s) {
    if (s > 0 && found[s].first == found[s - 1].first) throw FormatError("model.ini: one stratum twice");
    model.strata.insert(model.strata.end(), found[s].first.begin(), found[s].first.end());
    model.bases.push_back(found[s].second);
  }
}

Interaction make_interaction(const ModelInfo& info, std::size_t first, std::size_t second,
                             std::size_t target) {
  bool level1 = info.domains[first].has_value(), level2 = info.domains[second].has_value();
  if (!level1 && !level2) return {Interaction::Kind::numbers, first, second, target, {}};
  if (!level1) std::swap(first, second);
  if (level1 != level2) return {Interaction::Kind::level_and_number, first, second, target, {}};
  if (!info.domains[target])
    throw FormatError("model.ini: column " + info.columns[target] + " is a pair of levels and has no levels");
  Interaction interaction{Interaction::Kind::levels, first, second, target, {}};
  for (std::size_t i = 0; i < info.domains[target]->size(); ++i)
    interaction.pairs.emplace((*info.domains[target])[i], static_cast<int>(i));
  return interaction;
}

void read_interactions(const ModelInfo& info, CoxPh& model) {
  std::vector<std::int64_t> targets = info.values.integers("interaction_targets");
  std::vector<std::int64_t> first = info.values.integers("interactions_1", targets.size());
  std::vector<std::int64_t> second = info.values.integers("interactions_2", targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    for (std::int64_t column : {first[i], second[i], targets[i]}) {
      if (column < 0 || column >= static_cast<std::int64_t>(info.n_features))
        throw FormatError("model.ini: interactions name column " + std::to_string(column));
    }
    model.interactions.push_back(make_interaction(info, first[i], second[i], targets[i]));
    model.targets.insert(targets[i]);
    for (std::int64_t column : {first[i], second[i]}) {
      if (info.domains[column]) model.domains.emplace(column, *info.domains[column]);
    }
  }
}

// Old files do not number the coefficients of the numbers: they follow the levels, one after the other.
void read_numbers(const InfoValues& values, CoxPh& model) {
  auto most = static_cast<std::int64_t>(model.features);
  if (values.find("num_numerical_columns")) {
    model.numbers = values.count("num_numerical_columns", 0, most);
    model.of_numbers = values.integers("num_offsets");
    if (model.of_numbers.size() < model.numbers)
      throw FormatError("model.ini: num_offsets has fewer than num_numerical_columns entries");
    for (std::int64_t at : model.of_numbers) {
      if (at < 0 || at > kMost) throw FormatError("model.ini: num_offsets holds " + std::to_string(at));
    }
  } else {
    auto coefficients = static_cast<std::int64_t>(model.coefficients.size());
    for (std::int64_t at = model.offsets.back(); at < coefficients; ++at) model.of_numbers.push_back(at);
    model.numbers = model.of_numbers.size();
  }
  if (model.strata_columns + model.categories + model.numbers > model.features)
    throw FormatError("model.ini: strata, cats and numbers are more than n_features");
}

}  // namespace

std::unique_ptr<Scorer> read_coxph(const ModelSource& source) {
  const ModelInfo& info = source.info;
  info.require_version(1.00, 1.00);
  const InfoValues& values = info.values;
  auto model = std::make_unique<CoxPh>();
  model->features = info.n_features;
  model->all_levels = values.flag("use_all_factor_levels", false);
  model->coefficients = values.numbers("coef");
  model->categories = values.count("cats", 0, static_cast<std::int64_t>(info.n_features));
  model->offsets = values.integers("cat_offsets", model->categories + 1);
  check_level_blocks("cat_offsets", model->offsets);
  if (model->offsets.back() > static_cast<std::int64_t>(model->coefficients.size()))
    throw FormatError("model.ini: cat_offsets end behind the " + std::to_string(model->coefficients.size()) +
                      " coefficients");
  read_strata(source, *model);
  read_numbers(values, *model);
  // Files without num_numerical_columns know no interactions.
  if (values.find("num_numerical_columns")) read_interactions(info, *model);
  return model;
}

}  // namespace mojo
