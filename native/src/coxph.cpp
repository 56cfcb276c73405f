#include "coxph.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "coxph_scorer.hpp"
#include "double_blob.hpp"
#include "java_numbers.hpp"
#include "level_blocks.hpp"

namespace mojo {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();

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

CoxInteraction make_interaction(const ModelInfo& info, std::size_t first, std::size_t second,
                                std::size_t target) {
  bool level1 = info.domains[first].has_value(), level2 = info.domains[second].has_value();
  if (!level1 && !level2) return {CoxInteraction::Kind::numbers, first, second, target, {}};
  if (!level1) std::swap(first, second);
  if (level1 != level2) return {CoxInteraction::Kind::level_and_number, first, second, target, {}};
  if (!info.domains[target])
    throw FormatError("model.ini: column " + info.columns[target] + " is a pair of levels and has no levels");
  CoxInteraction interaction{CoxInteraction::Kind::levels, first, second, target, {}};
  for (std::size_t i = 0; i < info.domains[target]->size(); ++i)
    interaction.pairs.emplace(std::string((*info.domains[target])[i]), static_cast<int>(i));
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
    if (!model.targets.insert(targets[i]).second)
      throw FormatError("model.ini: two interactions fill column " + std::to_string(targets[i]));
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
  model->all_levels = values.flag("use_all_factor_levels");
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
