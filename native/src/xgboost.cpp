#include "xgboost.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "booster_explainer.hpp"
#include "booster_trees.hpp"
#include "calibration.hpp"
#include "class_label.hpp"
#include "java_math.hpp"
#include "java_numbers.hpp"
#include "level_blocks.hpp"
#include "text_values.hpp"
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
    return static_cast<float>(-java_log(static_cast<double>(odds - 1.0F)));
  }
  if (objective == Objective::exponential) return static_cast<float>(java_log(static_cast<double>(base)));
  return base;
}

class Xgboost final : public Scorer {
 public:
  std::size_t width() const override { return classes == 1 ? 1 : classes + 1; }
  std::size_t nbytes() const override {
    std::size_t coefficients = linear ? linear->coefficients.capacity() * sizeof(float) : 0;
    return trees.nbytes() + coefficients + offsets.capacity() * sizeof(std::int64_t);
  }
  const Calibration* calibration() const override { return calibrated ? &*calibrated : nullptr; }
  std::unique_ptr<Explainer> explainer(const ModelSource& source) const override {
    BoosterFrame frame{
        {}, cells(), base, [this](const double* row, float* vector) { fill_cells(row, vector); }};
    for (std::size_t i = 0; i < source.info.n_features; ++i) {
      const std::string& name = source.info.columns[i];
      const std::optional<Domain>& domain = source.info.domains[i];
      if (domain) {
        for (const std::string& level : *domain) frame.names.push_back(name + "." + level);
      }
      frame.names.push_back(domain ? name + ".missing(NA)" : name);
    }
    return make_booster_explainer(std::move(frame), groups, source);
  }

  OffsetUse offset_use() const override { return has_offset ? OffsetUse::needed : OffsetUse::refused; }

  void prepare(Scratch& scratch) const override {
    trees.prepare(scratch);
    scratch.doubles.resize(features());
    scratch.floats.resize(groups + (linear ? cells() : 0));
  }

  void score(const double* row, double offset, double* preds, Scratch& scratch) const override {
    score_rows({row, features(), 1, &offset}, preds, scratch);
  }

  void score_rows(const RowBlock& rows, double* preds, Scratch& scratch) const override {
    grow(scratch.doubles, rows.count * features());
    grow(scratch.floats, rows.count * groups + (linear ? cells() : 0));
    double* encoded = scratch.doubles.data();
    float* margins = scratch.floats.data();
    for (std::size_t i = 0; i < rows.count; ++i) {
      encode(rows.row(i), encoded + i * features());
      std::fill_n(margins + i * groups, groups, sums_before_base ? 0.0F : start(rows.offset(i)));
    }
    RowBlock block{encoded, features(), rows.count};
    if (linear) {
      add_linear(rows, margins, margins + rows.count * groups);
    } else if (rows.count == 1) {
      trees.add(encoded, margins, scratch);
    } else {
      trees.add_rows(block, margins, groups, scratch);
    }
    for (std::size_t i = 0; i < rows.count; ++i) {
      float* outputs = margins + i * groups;
      for (std::size_t g = 0; sums_before_base && g < groups; ++g) outputs[g] += start(rows.offset(i));
      finish(rows.row(i), outputs, preds + i * width());
    }
  }

  CompiledTrees trees;
  std::optional<Booster> linear;  // booster gblinear, which has no trees
  std::optional<Calibration> calibrated;
  std::size_t groups = 1;
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
  std::size_t features() const { return categories() + numbers; }
  std::size_t cells() const { return static_cast<std::size_t>(offsets.back()) + numbers; }
  float start(double offset) const { return has_offset ? static_cast<float>(offset) : base; }

  template <class T>
  static void grow(std::vector<T>& room, std::size_t size) {
    if (room.size() < size) room.resize(size);
  }

  // What the trees ask about. Categories: the lit cell of the column's block, whose last cell stands for
  // missing and unknown levels; NaN where none is lit. Numbers: as floats.
  void encode(const double* row, double* encoded) const {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    for (std::size_t i = 0; i < categories(); ++i) {
      std::int64_t last = offsets[i + 1] - offsets[i] - 1;
      std::int64_t cell = last;
      if (!std::isnan(row[i])) cell = std::min(last, std::int64_t{to_int(row[i])} - (all_levels ? 0 : 1));
      encoded[i] = cell < 0 ? nan : static_cast<double>(cell);
    }
    for (std::size_t i = categories(); i < features(); ++i) {
      auto value = static_cast<float>(row[i]);
      encoded[i] = sparse && value == 0.0F ? nan : static_cast<double>(value);
    }
  }

  // The vector that XGBoost itself is asked with: one-hot cells, then the numbers.
  void fill_cells(const double* row, float* vector) const {
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    std::fill_n(vector, offsets.back(), sparse ? nan : 0.0F);
    for (std::size_t i = 0; i < categories(); ++i) {
      std::int64_t last = offsets[i + 1] - offsets[i] - 1;
      std::int64_t cell = last;
      if (!std::isnan(row[i])) cell = std::min(last, std::int64_t{to_int(row[i])} - (all_levels ? 0 : 1));
      if (cell >= 0) vector[offsets[i] + cell] = 1.0F;
    }
    float* values = vector + offsets.back();
    for (std::size_t i = 0; i < numbers; ++i) {
      values[i] = static_cast<float>(row[categories() + i]);
      if (sparse && values[i] == 0.0F) values[i] = nan;
    }
  }

  void add_linear(const RowBlock& rows, float* margins, float* vector) const {
    for (std::size_t i = 0; i < rows.count; ++i) {
      fill_cells(rows.row(i), vector);
      for (std::size_t g = 0; g < groups; ++g)
        margins[i * groups + g] = linear->add_linear(g, vector, margins[i * groups + g]);
    }
  }

  void finish(const double* row, float* outputs, double* preds) const {
    transform(outputs);
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
    preds[0] = choose_label({preds, width()}, {row, features()}, priors, threshold);
  }

  void transform(float* outputs) const {
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
  // There Java lets a column without cells light one of the column before it.
  bool first_version = parse_number("mojo_version", info.mojo_version) == 1.0;
  if (first_version && values.text("booster", "") != "gbtree" &&
      std::ranges::adjacent_find(model->offsets) != model->offsets.end())
    throw UnsupportedError("XGBoost file of mojo_version 1.00 with a column without levels");
  model->all_levels = values.flag("use_all_factor_levels", true);
  model->has_offset = values.flag("has_offset", false);
  model->sparse = values.flag("sparse", false);
  model->calibrated = Calibration::read(source);
  model->classes = info.n_classes;
  model->threshold = info.default_threshold;
  model->priors = info.prior_distribution;

  std::vector<std::uint8_t> bytes;
  source.read("boosterBytes", bytes);
  std::size_t width = static_cast<std::size_t>(model->offsets.back()) + model->numbers;
  model->groups = info.n_classes > 2 ? info.n_classes : 1;
  Booster booster = read_booster(bytes, width, model->groups);
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
