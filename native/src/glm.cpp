#include "glm.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "glm_answer.hpp"
#include "java_math.hpp"
#include "java_numbers.hpp"
#include "level_blocks.hpp"

namespace mojo {
namespace {

class Glm final : public Scorer, public ReasonCodes {
 public:
  std::size_t width() const override { return answer.width(); }
  std::size_t nbytes() const override {
    return (beta.capacity() + modes.capacity() + means.capacity()) * sizeof(double);
  }
  OffsetUse offset_use() const override {
    return answer.kind == GlmKind::multinomial ? OffsetUse::none : OffsetUse::added;
  }
  void prepare(Scratch& scratch) const override { scratch.doubles.resize(categories + numbers); }

  void score(const double* row, double offset, double* preds, Scratch& scratch) const override {
    double* filled = scratch.doubles.data();
    impute(row, filled);
    if (answer.kind == GlmKind::ordinal) return score_ordinal(filled, offset, preds);
    double shift = answer.kind == GlmKind::multinomial ? 0 : offset;
    answer.write([&](std::size_t c) { return eta_of(c, filled) + shift; }, preds);
  }

  void explain(const double* row, double* reasons) const override {
    for (std::size_t i = 0; i < categories; ++i) {
      double value = imputes && std::isnan(row[i]) ? modes[i] : row[i];
      std::int64_t level = std::int64_t{to_int(value)} + (all_levels ? 0 : 1);
      if (level >= 0 && level < offsets[i + 1] - offsets[i]) reasons[i] = beta[offsets[i] + level];
    }
    for (std::size_t i = 0; i < numbers; ++i) {
      double value = row[categories + i];
      if (imputes && std::isnan(value)) value = means[i];
      reasons[categories + i] = beta[offsets[categories] + i] * value;
    }
  }
  bool shifts_levels() const override { return !all_levels && categories > 0; }

  GlmAnswer answer;
  std::size_t categories = 0;
  std::size_t numbers = 0;
  bool all_levels = true;
  bool imputes = false;
  std::vector<double> modes, means;
  std::vector<std::int64_t> offsets;  // one-hot cells of the categorical columns
  std::vector<double> beta;           // per class: cells, numbers, intercept
  std::size_t per_class = 0;

 private:
  void impute(const double* row, double* filled) const {
    std::copy_n(row, categories + numbers, filled);
    if (!imputes) return;
    for (std::size_t i = 0; i < categories; ++i) {
      if (std::isnan(filled[i])) filled[i] = modes[i];
    }
    for (std::size_t i = 0; i < numbers; ++i) {
      if (std::isnan(filled[categories + i])) filled[categories + i] = means[i];
    }
  }

  double eta_of(std::size_t of_class, const double* row) const {
    const double* coefficients = &beta[of_class * per_class];
    double eta = 0;
    for (std::size_t i = 0; i < categories; ++i) {
      double value = row[i];
      if (!all_levels && value == 0) continue;  // the first level is the base
      std::int64_t level = std::int64_t{to_int(value)} - (all_levels ? 0 : 1);
      if (static_cast<double>(level) != value - (all_levels ? 0 : 1) || level < 0) {
        throw RowError("categorical column " + std::to_string(i) + " holds " +
                       (std::isnan(value) ? "a missing value" : std::to_string(value)) +
                       ", and the model fills no gaps");
      }
      if (level < offsets[i + 1] - offsets[i]) eta += coefficients[offsets[i] + level];
    }
    const double* of_numbers = coefficients + offsets[categories];
    for (std::size_t i = 0; i < numbers; ++i) eta += of_numbers[i] * row[categories + i];
    return eta + coefficients[per_class - 1];
  }

  void score_ordinal(const double* row, double offset, double* preds) const {
    std::size_t classes = answer.classes;
    double before = 0;
    for (std::size_t c = 0; c + 1 < classes; ++c) {
      double reached = 1 / (1 + java_exp(-(eta_of(c, row) + offset)));
      preds[c + 1] = reached - before;
      before = reached;
    }
    preds[classes] = 1 - before;
    std::size_t best = 0;
    preds[0] = 0;
    for (std::size_t c = 1; c <= classes; ++c) {
      if (preds[c] > preds[best]) best = c;
    }
    preds[0] = static_cast<double>(best) - 1;  // -1 when no class is above 0
  }
};

void read_shape(const InfoValues& values, std::size_t features, Glm& model) {
  auto most = static_cast<std::int64_t>(features);
  model.categories = values.count("cats", 0, most);
  model.numbers = values.count("nums", 0, most);
  if (model.categories + model.numbers != features)
    throw FormatError("model.ini: cats and nums do not add up to n_features");
  model.all_levels = values.flag("use_all_factor_levels", false);
  model.offsets = read_level_blocks(values, model.categories);
  model.imputes = values.flag("mean_imputation", false);
  if (model.imputes) {
    model.means = values.numbers("num_means", model.numbers);
    for (std::int64_t mode : values.integers("cat_modes", model.categories))
      model.modes.push_back(static_cast<double>(mode));
  }
}

}  // namespace

std::unique_ptr<Scorer> read_glm(const ModelSource& source) {
  const ModelInfo& info = source.info;
  info.require_version(1.00, 1.00);
  const InfoValues& values = info.values;
  auto model = std::make_unique<Glm>();
  read_shape(values, info.n_features, *model);
  model->answer = GlmAnswer::read(info, "GLM", "binomial");
  bool blocks = model->answer.has_class_blocks();
  if (!blocks) {
    model->answer.link = parse_glm_link(values.text("link"));
    if (model->answer.link == GlmLink::tweedie)
      model->answer.tweedie_power = values.number("tweedie_link_power");
  }
  model->per_class = model->offsets.back() + model->numbers + 1;
  model->beta = values.numbers("beta", model->per_class * (blocks ? info.n_classes : 1));
  return model;
}

}  // namespace mojo
