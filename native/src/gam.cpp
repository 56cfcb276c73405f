#include "gam.hpp"

#include <algorithm>

#include "double_blob.hpp"
#include "gam_scorer.hpp"
#include "gam_terms.hpp"
#include "level_blocks.hpp"

namespace mojo {
namespace {

GamKind parse_kind(const std::string& family) {
  for (const char* name : {"bernoulli", "fractionalbinomial", "quasibinomial"}) {
    if (family == name) return GamKind::binary;
  }
  for (const char* name : {"gaussian", "poisson", "gamma", "tweedie", "negativebinomial"}) {
    if (family == name) return GamKind::plain;
  }
  if (family == "multinomial") return GamKind::multinomial;
  if (family == "ordinal") return GamKind::ordinal;
  throw UnsupportedError("GAM family " + family + " is not supported");
}

void read_shape(const ModelInfo& info, Gam& model) {
  const InfoValues& values = info.values;
  auto features = static_cast<std::int64_t>(info.n_features);
  model.features = info.n_features;
  model.first_cell = info.n_features - values.count("num_expanded_gam_columns_center", 1, features);
  model.categories = values.count("cats", 0, static_cast<std::int64_t>(model.first_cell));
  model.all_levels = values.flag("use_all_factor_levels", false);
  model.offsets = values.integers("cat_offsets");
  if (model.offsets.empty()) model.offsets = {0};
  if (model.offsets.size() != model.categories + 1)
    throw FormatError("model.ini: cat_offsets does not have cats + 1 entries");
  check_level_blocks("cat_offsets", model.offsets);
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
  model->kind = parse_kind(values.text("family"));
  model->threshold = info.default_threshold;
  model->classes = info.n_classes;
  bool blocks = model->kind == GamKind::multinomial || model->kind == GamKind::ordinal;
  std::size_t wanted = model->kind == GamKind::plain    ? 1
                       : model->kind == GamKind::binary ? 2
                                                        : std::max<std::size_t>(info.n_classes, 2);
  if (info.n_classes != wanted) {
    throw FormatError("model.ini: GAM family " + values.text("family") + " with " +
                      std::to_string(info.n_classes) + " classes");
  }
  if (blocks) {
    model->beta = read_doubles(source, "beta_multinomial_centering", info.n_classes, model->per_class);
  } else {
    model->link = parse_glm_link(values.text("link"));
    if (model->link == GlmLink::tweedie) model->tweedie_power = values.number("tweedie_link_power", 0);
    model->beta = values.numbers("beta_center", model->per_class);
  }
  read_gam_terms(source, *model);
  return model;
}

}  // namespace mojo
