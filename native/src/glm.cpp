#include "glm.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "glm_link.hpp"
#include "java_math.hpp"
#include "java_numbers.hpp"
#include "level_blocks.hpp"

namespace mojo {
namespace {

enum class Kind { binary, plain, multinomial, ordinal };

Kind parse_kind(const std::string& family) {
  for (const char* name : {"binomial", "fractionalbinomial", "quasibinomial"}) {
    if (family == name) return Kind::binary;
  }
  for (const char* name : {"gaussian", "poisson", "gamma", "tweedie", "negativebinomial"}) {
    if (family == name) return Kind::plain;
  }
  if (family == "multinomial") return Kind::multinomial;
  if (family == "ordinal") return Kind::ordinal;
  throw UnsupportedError("GLM family " + family + " is not supported");
}

class Glm final : public Scorer, public ReasonCodes {
 public:
  std::size_t width() const override { return kind == Kind::plain ? 1 : classes + 1; }
  std::size_t nbytes() const override {
    return (beta.capacity() + modes.capacity() + means.capacity()) * sizeof(double);
  }
  OffsetUse offset_use() const override {
    return kind == Kind::multinomial ? OffsetUse::none : OffsetUse::added;
  }
  void prepare(Scratch& scratch) const override { scratch.doubles.resize(categories + numbers); }

  void score(const double* row, double offset, double* preds, Scratch& scratch) const override {
    double* filled = scratch.doubles.data();
    impute(row, filled);
    switch (kind) {
      case Kind::plain: preds[0] = mean_of(link, eta_of(0, filled) + offset, tweedie_power); break;
      case Kind::binary: {
        double mean = mean_of(link, eta_of(0, filled) + offset, tweedie_power);
        preds[0] = mean >= threshold ? 1 : 0;
        preds[1] = 1 - mean;
        preds[2] = mean;
        break;
      }
      case Kind::multinomial:
        for (std::size_t c = 0; c < classes; ++c) preds[c + 1] = eta_of(c, filled);
        share_classes({preds, classes + 1});
        break;
      case Kind::ordinal: score_ordinal(filled, offset, preds);
    }
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

  Kind kind = Kind::plain;
  GlmLink link = GlmLink::identity;
  double tweedie_power = 0;
  double threshold = 0.5;
  std::size_t classes = 1;
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
  model.offsets = values.integers("cat_offsets");
  if (model.offsets.empty()) model.offsets = {0};
  if (model.offsets.size() != model.categories + 1)
    throw FormatError("model.ini: cat_offsets does not have cats + 1 entries");
  check_level_blocks("cat_offsets", model.offsets);
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
  model->kind = parse_kind(values.text("family"));
  model->threshold = info.default_threshold;
  model->classes = info.n_classes;
  bool blocks = model->kind == Kind::multinomial || model->kind == Kind::ordinal;
  if (!blocks) {
    model->link = parse_glm_link(values.text("link"));
    if (model->link == GlmLink::tweedie) model->tweedie_power = values.number("tweedie_link_power");
  }
  std::size_t wanted = model->kind == Kind::plain    ? 1
                       : model->kind == Kind::binary ? 2
                                                     : std::max<std::size_t>(info.n_classes, 2);
  if (info.n_classes != wanted)
    throw FormatError("model.ini: GLM family " + values.text("family") + " with " +
                      std::to_string(info.n_classes) + " classes");
  model->per_class = model->offsets.back() + model->numbers + 1;
  model->beta = values.numbers("beta", model->per_class * (blocks ? info.n_classes : 1));
  return model;
}

}  // namespace mojo
