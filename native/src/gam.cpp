#include "gam.hpp"

#include "double_blob.hpp"
#include "gam_scorer.hpp"
#include "gam_terms.hpp"
#include "level_blocks.hpp"

namespace mojo {
namespace {

void read_shape(const ModelInfo& info, Gam& model) {
  const InfoValues& values = info.values;
  auto features = static_cast<std::int64_t>(info.n_features);
  model.features = info.n_features;
  model.first_cell = info.n_features - values.count("num_expanded_gam_columns_center", 1, features);
  model.categories = values.count("cats", 0, static_cast<std::int64_t>(model.first_cell));
  model.all_levels = values.flag("use_all_factor_levels", false);
  model.offsets = read_level_blocks(values, model.categories);
  model.imputes = values.flag("mean_imputation", false);
  if (model.imputes) {
    for (std::int64_t mode : values.integers("catNAFills", model.categories))
      model.modes.push_back(static_cast<double>(mode));
    model.means = values.numbers("numNAFillsCenter", info.n_features - model.categories);
  }
  model.per_class = model.offsets.back() + (info.n_features - model.categories) + 1;
}

}  // namespace

std::unique_ptr<Scorer> read_gam(const ModelSource& source) {
  const ModelInfo& info = source.info;
  info.require_version(1.00, 1.00);
  const InfoValues& values = info.values;
  // Members of pipelines and ensembles are scored without their record, so genmodel never expands their
  // terms.
  if (source.depth > 0) throw UnsupportedError("a GAM inside of another model is not supported");
  auto model = std::make_unique<Gam>();
  read_shape(info, *model);
  model->answer = GlmAnswer::read(info, "GAM", "bernoulli");
  if (model->answer.has_class_blocks()) {
    model->beta = read_doubles(source, "beta_multinomial_centering", info.n_classes, model->per_class);
  } else {
    model->answer.link = parse_glm_link(values.text("link"));
    if (model->answer.link == GlmLink::tweedie)
      model->answer.tweedie_power = values.number("tweedie_link_power", 0);
    model->beta = values.numbers("beta_center", model->per_class);
  }
  read_gam_terms(source, *model);
  return model;
}

}  // namespace mojo
