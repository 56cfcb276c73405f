#include "isolation_forest.hpp"

#include <limits>

#include "tree_scorer.hpp"

namespace mojo {
namespace {

class IsolationForest final : public TreeScorer {
 public:
  std::size_t width() const override { return flags ? 3 : 2; }
  OffsetUse offset_use() const override { return OffsetUse::none; }
  std::vector<std::string> value_names() const override {
    if (flags) return {"predict", "score", "mean_length"};
    return {"predict", "mean_length"};
  }

  std::int64_t shortest = 0;
  std::int64_t longest = 0;  // sums of path lengths seen in training
  bool flags = false;        // says also whether the row is an anomaly
  double threshold = 0.5;

  std::size_t first() const override { return 0; }

  void finish(const double*, double, double* preds) const override {
    double length = preds[0];
    double mean = groups() == 0 ? 0 : length / static_cast<double>(groups());
    double score = longest > shortest
                       ? (static_cast<double>(longest) - length) / static_cast<double>(longest - shortest)
                       : 1;
    if (flags) *preds++ = score > threshold ? 1 : 0;
    preds[0] = score;
    preds[1] = mean;
  }
};

}  // namespace

std::unique_ptr<Scorer> read_isolation_forest(const ModelSource& source) {
  const InfoValues& values = source.info.values;
  auto length_of = [&](const char* key) {
    return values.find(key) ? values.count(key, 0, std::numeric_limits<std::int32_t>::max()) : 0;
  };
  auto model = std::make_unique<IsolationForest>();
  model->shortest = length_of("min_path_length");
  model->longest = length_of("max_path_length");
  model->flags = values.flag("output_anomaly_flag", false);
  model->threshold = source.info.default_threshold;
  if (source.info.n_classes != 1) throw FormatError("model.ini: an isolation forest has no classes");
  model->read_trees(source);
  return model;
}

}  // namespace mojo
