#include "stacked_ensemble.hpp"

#include <algorithm>
#include <cmath>

#include "java_math.hpp"
#include "java_numbers.hpp"
#include "nested_models.hpp"

namespace mojo {
namespace {

struct BaseModel {
  const Model* model;
  std::size_t cell;                    // its first one in the metalearner's row
  std::vector<std::uint32_t> sources;  // the ensemble's column of each feature
};

double logit(double share) {
  double p = java_min(1 - 1e-9, java_max(share, 1e-9));
  double odds = p / (1 - p);
  return odds == 0 ? -19 : java_max(-19.0, java_log(odds));
}

class StackedEnsemble final : public Scorer {
 public:
  std::size_t width() const override { return metalearner->scorer().width(); }
  std::size_t nbytes() const override { return nbytes_of(models); }
  bool iterates() const override {
    return std::ranges::any_of(models, [](const auto& model) { return model.second->scorer().iterates(); });
  }

  // parts: of each base model its rows and predictions, then its own room; last the metalearner's.
  void prepare(Scratch& scratch) const override {
    scratch.parts.resize(2 * bases.size() + 1);
    for (std::size_t b = 0; b < bases.size(); ++b) bases[b].model->scorer().prepare(scratch.parts[2 * b + 1]);
    metalearner->scorer().prepare(scratch.parts.back());
  }

  void score(const double* row, double, double* preds, Scratch& scratch) const override {
    score_block({row, features, 1}, preds, scratch);
  }

  void score_rows(const RowBlock& rows, double* preds, Scratch& scratch) const override {
    constexpr std::size_t most = 64;  // bounds the room for the rows of the base models
    for (std::size_t start = 0; start < rows.count; start += most) {
      RowBlock block{rows.row(start), rows.width, std::min(most, rows.count - start)};
      try {
        score_block(block, preds + start * width(), scratch);
      } catch (const RowError& error) {
        throw RowError(error.what(), start + error.row);
      }
    }
  }

  std::vector<std::string> deviations() const override {
    std::vector<std::string> all = noted;
    for (const auto& [key, model] : models) {
      for (const std::string& one : model->scorer().deviations())
        all.push_back(model->algorithm() + " " + key + ": " + one);
    }
    return all;
  }

  NestedModels models;
  std::vector<BaseModel> bases;  // those that the metalearner uses
  const Model* metalearner = nullptr;
  std::size_t features = 0;
  std::size_t cells = 0;  // of the metalearner's row; those of unused base models stay 0
  std::size_t classes = 1;
  bool logits = false;
  std::vector<std::string> noted;

 private:
  void score_block(const RowBlock& rows, double* preds, Scratch& scratch) const {
    std::vector<double>& meta = scratch.doubles;
    meta.assign(rows.count * cells, 0.0);
    for (std::size_t b = 0; b < bases.size(); ++b)
      predict_base(bases[b], rows, meta.data(), scratch.parts[2 * b], scratch.parts[2 * b + 1]);
    if (logits) std::transform(meta.begin(), meta.end(), meta.begin(), logit);
    metalearner->scorer().score_rows({meta.data(), cells, rows.count}, preds, scratch.parts.back());
  }

  void predict_base(const BaseModel& base, const RowBlock& rows, double* meta, Scratch& own,
                    Scratch& inner) const {
    std::size_t base_features = base.sources.size();
    std::size_t base_width = base.model->scorer().width();
    own.doubles.resize(rows.count * (base_features + base_width));
    double* base_rows = own.doubles.data();
    double* base_preds = base_rows + rows.count * base_features;
    for (std::size_t i = 0; i < rows.count; ++i) {
      for (std::size_t k = 0; k < base_features; ++k)
        base_rows[i * base_features + k] = rows.row(i)[base.sources[k]];
    }
    base.model->scorer().score_rows({base_rows, base_features, rows.count}, base_preds, inner);
    for (std::size_t i = 0; i < rows.count; ++i) {
      const double* from = base_preds + i * base_width;
      double* to = meta + i * cells + base.cell;
      if (classes > 2)
        std::copy_n(from + 1, classes, to);
      else
        *to = classes == 2 ? from[2] : from[0];
    }
  }
};

class EnsembleReader {
 public:
  explicit EnsembleReader(const ModelSource& source) : info_(source.info), source_(source) {}

  std::unique_ptr<Scorer> read() {
    info_.require_version(1.00, 1.01);
    ensemble_->models = read_nested_models(source_);
    ensemble_->features = info_.n_features;
    ensemble_->classes = info_.n_classes;
    std::string transform = info_.values.text("metalearner_transform", "NONE");
    if (transform != "NONE" && transform != "Logit")
      throw UnsupportedError("metalearner transform " + transform + " is not supported");
    ensemble_->logits = transform == "Logit" && info_.n_classes > 1;
    read_bases();
    read_metalearner();
    return std::move(ensemble_);
  }

 private:
  void read_bases() {
    std::int64_t count = info_.values.count("base_models_num", 1, source_.limits.columns);
    std::size_t cells = info_.n_classes > 2 ? info_.n_classes : 1;
    ensemble_->cells = static_cast<std::size_t>(count) * cells;
    if (ensemble_->cells > static_cast<std::size_t>(source_.limits.columns))
      throw FormatError("model.ini: base_models_num = " + std::to_string(count) + " makes too many columns");
    for (std::int64_t i = 0; i < count; ++i) {
      std::string role = "base_model" + std::to_string(i);
      if (!info_.values.find(role)) continue;  // the metalearner does not use it
      const Model& model = find_nested(ensemble_->models, info_.values, role);
      check_kind(role, model);
      ensemble_->bases.push_back({&model, static_cast<std::size_t>(i) * cells, find_sources(role, model)});
    }
  }

  void read_metalearner() {
    const Model& model = find_nested(ensemble_->models, info_.values, "metalearner");
    check_kind("metalearner", model);
    if (model.n_features() != ensemble_->cells) {
      throw FormatError("model.ini: the metalearner has " + std::to_string(model.n_features()) +
                        " columns, the base models give " + std::to_string(ensemble_->cells));
    }
    ensemble_->metalearner = &model;
  }

  void check_kind(const std::string& role, const Model& model) const {
    bool same = model.info().is_classifier() == info_.is_classifier() &&
                model.info().n_classes == info_.n_classes && model.scorer().width() == expected_width();
    if (!same) {
      throw FormatError("model.ini: " + role + " is of category " + model.info().category + " with " +
                        std::to_string(model.info().n_classes) + " classes, the ensemble of " +
                        info_.category + " with " + std::to_string(info_.n_classes));
    }
  }

  std::size_t expected_width() const { return info_.n_classes > 1 ? info_.n_classes + 1 : 1; }

  std::vector<std::uint32_t> find_sources(const std::string& role, const Model& model) {
    std::vector<std::uint32_t> sources;
    auto end = info_.columns.begin() + static_cast<std::ptrdiff_t>(info_.n_features);
    for (std::size_t k = 0; k < model.n_features(); ++k) {
      const std::string& name = model.info().columns[k];
      auto column = std::find(info_.columns.begin(), end, name);
      if (column == end)
        throw FormatError("model.ini: the ensemble has no column " + name + ", which " + role + " needs");
      auto at = static_cast<std::size_t>(column - info_.columns.begin());
      if (info_.domains[at] != model.info().domains[k]) {
        ensemble_->noted.push_back(role + " knows other levels of column " + name +
                                   " than the ensemble: level numbers go to it unchanged");
      }
      sources.push_back(static_cast<std::uint32_t>(at));
    }
    if (model.offset_column())
      ensemble_->noted.push_back(role + " is scored without its offset " + *model.offset_column());
    return sources;
  }

  const ModelInfo& info_;
  const ModelSource& source_;
  std::unique_ptr<StackedEnsemble> ensemble_ = std::make_unique<StackedEnsemble>();
};

}  // namespace

std::unique_ptr<Scorer> read_stacked_ensemble(const ModelSource& source) {
  return EnsembleReader(source).read();
}

}  // namespace mojo
