#include "xgboost.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "class_label.hpp"
#include "java_math.hpp"
#include "java_numbers.hpp"
#include "level_blocks.hpp"
#include "xgboost_booster.hpp"

namespace mojo {
namespace {

enum class Objective { logistic, exponential, softprob, raw };

Objective parse_objective(const std::string& name) {
  if (name == "binary:logistic" || name == "reg:logistic") return Objective::logistic;
  if (name == "reg:gamma" || name == "reg:tweedie" || name == "count:poisson") return Objective::exponential;
  if (name == "multi:softprob") return Objective::softprob;
  for (const char* raw :
       {"reg:squarederror", "reg:linear", "rank:pairwise", "rank:ndcg", "binary:logitraw"}) {
    if (name == raw) return Objective::raw;
  }
  throw UnsupportedError("XGBoost objective " + name + " is not supported");
}

float exp_float(float x) { return static_cast<float>(java_exp(static_cast<double>(x))); }

// From version 1.0 on the file holds the base as a probability or mean.
float base_margin(const Booster& booster, Objective objective) {
  float base = booster.base_score;
  if (booster.major_version < 1) return base;
  if (objective == Objective::logistic) {
    float odds = 1.0F / base;
    return static_cast<float>(-std::log(static_cast<double>(odds - 1.0F)));
  }
  if (objective == Objective::exponential) return static_cast<float>(std::log(static_cast<double>(base)));
  return base;
}

class Xgboost final : public Scorer {
 public:
  std::size_t width() const override { return classes == 1 ? 1 : classes + 1; }
  std::size_t nbytes() const override {
    return booster.nodes.capacity() * sizeof(Booster::Node) + offsets.capacity() * sizeof(std::int64_t);
  }

  OffsetUse offset_use() const override { return has_offset ? OffsetUse::needed : OffsetUse::refused; }
  void prepare(Scratch& scratch) const override { scratch.floats.resize(cells() + booster.roots.size()); }

  void score(const double* row, double offset, double* preds, Scratch& scratch) const override {
    float* vector = scratch.floats.data();
    float* outputs = vector + cells();
    encode(row, vector);
    std::size_t groups = booster.roots.size();
    float start = has_offset ? static_cast<float>(offset) : base;
    for (std::size_t g = 0; g < groups; ++g) outputs[g] = margin_of(g, vector, start);
    transform(outputs, groups);
    if (classes == 1) {
      preds[0] = outputs[0];
      return;
    }
    if (classes == 2) {
      preds[1] = static_cast<double>(1.0F - outputs[0]);
      preds[2] = outputs[0];
    } else {
      for (std::size_t c = 0; c < classes; ++c) preds[c + 1] = outputs[c];
    }
    preds[0] = choose_label({preds, width()}, {row, categories() + numbers}, priors, threshold);
  }

  Booster booster;
  Objective objective = Objective::raw;
  float base = 0;
  bool sums_before_base = false;  // up to version 1.2
  std::vector<std::int64_t> offsets;
  std::size_t numbers = 0;
  bool all_levels = true;
  bool sparse = false;
  bool has_offset = false;  // the offset takes the place of the base, also when it is 0
  std::size_t classes = 1;
  double threshold = 0.5;
  std::vector<double> priors;

 private:
  std::size_t categories() const { return offsets.size() - 1; }
  std::size_t cells() const { return static_cast<std::size_t>(offsets.back()) + numbers; }

  // One-hot cells, the last of each column for missing and unknown levels; then the numbers.
  void encode(const double* row, float* vector) const {
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    std::fill_n(vector, offsets.back(), sparse ? nan : 0.0F);
    for (std::size_t i = 0; i < categories(); ++i) {
      std::int64_t last = offsets[i + 1] - 1;
      if (last < offsets[i]) continue;
      std::int64_t cell = last;
      if (!std::isnan(row[i])) {
        std::int64_t level = std::int64_t{to_int(row[i])} - (all_levels ? 0 : 1);
        if (level < 0) continue;
        cell = std::min(offsets[i] + level, last);
      }
      vector[cell] = 1.0F;
    }
    float* values = vector + offsets.back();
    for (std::size_t i = 0; i < numbers; ++i) {
      values[i] = static_cast<float>(row[categories() + i]);
      if (sparse && values[i] == 0.0F) values[i] = nan;
    }
  }

  float margin_of(std::size_t group, const float* vector, float start) const {
    float sum = sums_before_base ? 0.0F : start;
    const std::vector<std::uint32_t>& roots = booster.roots[group];
    for (std::size_t k = 0; k < roots.size(); ++k) {
      float leaf = booster.leaf_of(roots[k], vector);
      // Java counts k within the group although the weights are in file order: wrong for several groups, but
      // its answer.
      sum += booster.weights.empty() ? leaf : booster.weights[k] * leaf;
    }
    return sums_before_base ? sum + start : sum;
  }

  void transform(float* outputs, std::size_t groups) const {
    switch (objective) {
      case Objective::logistic: outputs[0] = 1.0F / (1.0F + exp_float(-outputs[0])); break;
      case Objective::exponential: outputs[0] = exp_float(outputs[0]); break;
      case Objective::softprob: {
        float largest = outputs[0];
        for (std::size_t g = 1; g < groups; ++g) largest = java_max(largest, outputs[g]);
        double sum = 0;
        for (std::size_t g = 0; g < groups; ++g) {
          outputs[g] = exp_float(outputs[g] - largest);
          sum += static_cast<double>(outputs[g]);
        }
        for (std::size_t g = 0; g < groups; ++g) outputs[g] /= static_cast<float>(sum);
        break;
      }
      case Objective::raw: break;
    }
  }
};

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
  model->offsets = values.integers("cat_offsets");
  if (model->offsets.empty()) model->offsets = {0};
  if (static_cast<std::int64_t>(model->offsets.size()) != categories + 1)
    throw FormatError("model.ini: cat_offsets does not have cats + 1 entries");
  check_level_blocks("cat_offsets", model->offsets);
  model->all_levels = values.flag("use_all_factor_levels", true);
  model->has_offset = values.flag("has_offset", false);
  model->sparse = values.flag("sparse", false);
  model->classes = info.n_classes;
  model->threshold = info.default_threshold;
  model->priors = info.prior_distribution;

  std::vector<std::uint8_t> bytes;
  source.read("boosterBytes", bytes);
  std::size_t width = static_cast<std::size_t>(model->offsets.back()) + model->numbers;
  model->booster = read_booster(bytes, width, info.n_classes > 2 ? info.n_classes : 1);
  model->objective = parse_objective(model->booster.objective);
  model->base = base_margin(model->booster, model->objective);
  const Booster& booster = model->booster;
  model->sums_before_base =
      booster.major_version < 1 || (booster.major_version == 1 && booster.minor_version <= 2);
  return model;
}

}  // namespace mojo
