#include "klime.hpp"

#include <algorithm>
#include <limits>

#include "glm.hpp"
#include "java_numbers.hpp"
#include "nested_models.hpp"

namespace mojo {
namespace {

struct ClusterModel {
  const Model* model = nullptr;
  const ReasonCodes* reasons = nullptr;  // of the same model
};

class KLime final : public Scorer {
 public:
  std::size_t width() const override { return names.size(); }
  std::vector<std::string> value_names() const override { return names; }
  std::vector<std::string> deviations() const override { return noted; }
  std::size_t nbytes() const override { return nbytes_of(models); }

  // parts: the clustering's row and answer, its room, then a room per cluster.
  void prepare(Scratch& scratch) const override {
    scratch.parts.resize(2 + clusters.size());
    scratch.parts[0].doubles.resize(sources.size() + clustering->scorer().width());
    clustering->scorer().prepare(scratch.parts[1]);
    for (std::size_t c = 0; c < clusters.size(); ++c) {
      clusters[c].model->scorer().prepare(scratch.parts[2 + c]);
    }
    scratch.doubles.resize(3);
  }

  void score(const double* row, double, double* preds, Scratch& scratch) const override {
    double* cluster_row = scratch.parts[0].doubles.data();
    double* found = cluster_row + sources.size();
    for (std::size_t k = 0; k < sources.size(); ++k) cluster_row[k] = row[sources[k]];
    clustering->scorer().score(cluster_row, 0, found, scratch.parts[1]);
    std::int32_t cluster = to_int(found[0]);
    if (cluster < 0 || static_cast<std::size_t>(cluster) >= clusters.size())
      throw RowError("cluster " + std::to_string(cluster) + " has no linear model");
    const ClusterModel& linear = clusters[static_cast<std::size_t>(cluster)];
    double* answer = scratch.doubles.data();
    linear.model->scorer().score(row, 0, answer, scratch.parts[2 + static_cast<std::size_t>(cluster)]);
    preds[0] = answer[0];
    preds[1] = cluster;
    std::fill(preds + 2, preds + width(), std::numeric_limits<double>::quiet_NaN());
    linear.reasons->explain(row, preds + 2);
  }

  NestedModels models;
  const Model* clustering = nullptr;
  std::vector<std::size_t> sources;    // column of each feature of the clustering
  std::vector<ClusterModel> clusters;  // the global one where a cluster has none of its own
  std::vector<std::string> names;
  std::vector<std::string> noted;
};

class KLimeReader {
 public:
  explicit KLimeReader(const ModelSource& source) : info_(source.info), source_(source) {}

  std::unique_ptr<Scorer> read() {
    info_.require_version(1.00, 1.00);
    if (info_.is_classifier()) throw FormatError("model.ini: k-LIME of category " + info_.category);
    model_->models = read_nested_models(source_);
    read_clustering();
    read_clusters();
    model_->names = {"predict", "cluster"};
    for (std::size_t i = 0; i < info_.n_features; ++i) model_->names.push_back("reason_" + info_.columns[i]);
    return std::move(model_);
  }

 private:
  void read_clustering() {
    const Model& model = find_nested(model_->models, info_.values, "clustering_model");
    if (model.algorithm() != "kmeans")
      throw FormatError("model.ini: the clustering model is of algorithm " + model.algorithm());
    model_->clustering = &model;
    auto end = info_.columns.begin() + static_cast<std::ptrdiff_t>(info_.n_features);
    for (std::size_t k = 0; k < model.n_features(); ++k) {
      auto column = std::find(info_.columns.begin(), end, model.info().columns[k]);
      if (column == end)
        throw FormatError("model.ini: k-LIME has no column " + model.info().columns[k] + " to cluster by");
      model_->sources.push_back(static_cast<std::size_t>(column - info_.columns.begin()));
    }
  }

  void read_clusters() {
    ClusterModel global = read_linear("global_regression_model");
    std::int64_t count = info_.values.count("cluster_num", 1, source_.limits.classes);
    for (std::int64_t i = 0; i < count; ++i) {
      std::string role = "cluster_regression_model_" + std::to_string(i);
      model_->clusters.push_back(info_.values.find(role) ? read_linear(role) : global);
    }
    for (const ClusterModel& cluster : model_->clusters) {
      if (!cluster.reasons->shifts_levels()) continue;
      model_->noted.push_back("the reason code of a level is the coefficient of a level two behind it");
      break;
    }
  }

  ClusterModel read_linear(const std::string& role) const {
    const Model& model = find_nested(model_->models, info_.values, role);
    const auto* reasons = dynamic_cast<const ReasonCodes*>(&model.scorer());
    if (!reasons || model.scorer().width() > 3)
      throw FormatError("model.ini: " + role + " is no linear model with one answer");
    // The row goes to the linear models as it is.
    bool same = model.n_features() == info_.n_features &&
                std::equal(info_.columns.begin(),
                           info_.columns.begin() + static_cast<std::ptrdiff_t>(info_.n_features),
                           model.info().columns.begin());
    if (!same) throw FormatError("model.ini: " + role + " has other columns than k-LIME");
    return {&model, reasons};
  }

  const ModelInfo& info_;
  const ModelSource& source_;
  std::unique_ptr<KLime> model_ = std::make_unique<KLime>();
};

}  // namespace

std::unique_ptr<Scorer> read_klime(const ModelSource& source) { return KLimeReader(source).read(); }

}  // namespace mojo
