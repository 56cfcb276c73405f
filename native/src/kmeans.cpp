#include "kmeans.hpp"

#include <cmath>
#include <limits>

namespace mojo {
namespace {

constexpr std::int64_t kMostCenters = 1'000'000;

class KMeans final : public Scorer {
 public:
  std::size_t width() const override { return 1; }
  std::vector<std::string> value_names() const override { return {"cluster"}; }
  std::size_t nbytes() const override {
    return (centers.capacity() + means.capacity() + mults.capacity() + modes.capacity()) * sizeof(double);
  }
  void prepare(Scratch& scratch) const override { scratch.doubles.resize(is_category.size()); }

  void score(const double* row, double, double* preds, Scratch& scratch) const override {
    double* point = scratch.doubles.data();
    for (std::size_t i = 0; i < is_category.size(); ++i) point[i] = standardize(row[i], i);
    double best = std::numeric_limits<double>::max();
    preds[0] = -1;  // no center is nearer than the largest double
    for (std::size_t c = 0; c * is_category.size() < centers.size(); ++c) {
      double distance = distance_to(&centers[c * is_category.size()], point);
      if (distance < best) {
        best = distance;
        preds[0] = static_cast<double>(c);
      }
    }
  }

  std::vector<bool> is_category;     // per column
  std::vector<double> means, mults;  // empty: nothing is standardized
  std::vector<std::int64_t> modes;   // -1 for a number
  std::vector<double> centers;       // one row per cluster, standardized already

 private:
  double standardize(double value, std::size_t column) const {
    if (modes.empty()) return value;
    if (modes[column] != -1) return std::isnan(value) ? static_cast<double>(modes[column]) : value;
    if (std::isnan(value)) value = means[column];
    return (value - means[column]) * mults[column];
  }

  double distance_to(const double* center, const double* point) const {
    double sum = 0;
    std::size_t valid = 0;
    for (std::size_t i = 0; i < is_category.size(); ++i) {
      if (std::isnan(point[i])) continue;
      ++valid;
      double delta = point[i] - center[i];
      sum += !is_category[i] ? delta * delta : point[i] != center[i] ? 1 : 0;
    }
    // A missing column counts as much as the mean of the others.
    if (valid > 0 && valid < is_category.size())
      sum *= static_cast<double>(is_category.size()) / static_cast<double>(valid);
    return sum;
  }
};

}  // namespace

std::unique_ptr<Scorer> read_kmeans(const ModelSource& source) {
  const ModelInfo& info = source.info;
  info.require_version(1.00, 1.00);
  const InfoValues& values = info.values;
  auto model = std::make_unique<KMeans>();
  for (std::size_t i = 0; i < info.n_features; ++i) model->is_category.push_back(info.domains[i].has_value());
  if (values.flag("standardize")) {
    model->means = values.numbers("standardize_means", info.n_features);
    model->mults = values.numbers("standardize_mults", info.n_features);
    model->modes = values.integers("standardize_modes", info.n_features);
  }
  std::int64_t count = values.count("center_num", 1, kMostCenters);
  for (std::int64_t c = 0; c < count; ++c) {
    std::vector<double> center = values.numbers("center_" + std::to_string(c), info.n_features);
    model->centers.insert(model->centers.end(), center.begin(), center.end());
  }
  return model;
}

}  // namespace mojo
