#include "xgboost.hpp"

#include <algorithm>

#include "booster_trees.hpp"
#include "level_blocks.hpp"
#include "text_values.hpp"
#include "xgboost_booster.hpp"
#include "xgboost_scorer.hpp"

namespace mojo {
namespace {

BoosterObjective parse_objective(const std::string& name) {
  if (name == "binary:logistic" || name == "reg:logistic") return BoosterObjective::logistic;
  if (name == "reg:gamma" || name == "reg:tweedie" || name == "count:poisson")
    return BoosterObjective::exponential;
  if (name == "multi:softprob") return BoosterObjective::softprob;
  for (const char* raw :
       {"reg:squarederror", "reg:linear", "rank:pairwise", "rank:ndcg", "binary:logitraw"}) {
    if (name == raw) return BoosterObjective::raw;
  }
  throw UnsupportedError("XGBoost objective " + name + " is not supported");
}

// From version 1.0 on the file holds the base as a probability or mean.
float base_margin(const Booster& booster, BoosterObjective objective) {
  float base = booster.base_score;
  if (booster.major_version < 1) return base;
  if (objective == BoosterObjective::logistic) {
    float odds = 1.0F / base;
    return static_cast<float>(-java_log(static_cast<double>(odds - 1.0F)));
  }
  if (objective == BoosterObjective::exponential)
    return static_cast<float>(java_log(static_cast<double>(base)));
  return base;
}

}  // namespace

std::unique_ptr<Scorer> read_xgboost(const ModelSource& source) {
  const ModelInfo& info = source.info;
  info.require_version(1.00, 1.10);
  const InfoValues& values = info.values;
  auto model = std::make_unique<Xgboost>();
  auto features = static_cast<std::int64_t>(info.n_features);
  std::int64_t categories = values.count("cats", 0, features);
  model->numbers = values.count("nums", 0, features);
  if (categories + static_cast<std::int64_t>(model->numbers) != features)
    throw FormatError("model.ini: cats and nums do not add up to n_features");
  model->offsets = read_level_blocks(values, categories);
  // There Java lets a column without cells light one of the column before it.
  bool first_version = parse_number("mojo_version", info.mojo_version) == 1.0;
  if (first_version && values.text("booster", "") != "gbtree" &&
      std::ranges::adjacent_find(model->offsets) != model->offsets.end())
    throw UnsupportedError("XGBoost file of mojo_version 1.00 with a column without levels");
  model->all_levels = values.flag("use_all_factor_levels");
  model->has_offset = values.flag("has_offset", false);
  model->sparse = values.flag("sparse");
  model->calibrated = Calibration::read(source);
  model->classes = info.n_classes;
  model->threshold = info.default_threshold;
  model->priors = info.prior_distribution;

  std::vector<std::uint8_t> bytes;
  source.read("boosterBytes", bytes);
  std::size_t width = static_cast<std::size_t>(model->offsets.back()) + model->numbers;
  model->groups = info.n_classes > 2 ? info.n_classes : 1;
  Booster booster = read_booster(bytes, width, model->groups, source.limits);
  model->objective = parse_objective(booster.objective);
  model->base = base_margin(booster, model->objective);
  model->sums_before_base =
      booster.major_version < 1 || (booster.major_version == 1 && booster.minor_version <= 2);
  if (booster.coefficients.empty()) {
    model->trees = compile_booster(booster, model->offsets, model->numbers, model->sparse);
  } else {
    model->linear = std::move(booster);
  }
  return model;
}

}  // namespace mojo
