#include "uplift_drf.hpp"

#include "tree_scorer.hpp"

namespace mojo {
namespace {

class UpliftDrf final : public TreeScorer {
 public:
  std::size_t width() const override { return 3; }
  std::vector<std::string> value_names() const override {
    return {"uplift_predict", "p_y1_with_treatment", "p_y1_without_treatment"};
  }

  void finish(const double*, double, double* preds) const override {
    preds[1] /= static_cast<double>(groups());
    preds[2] /= static_cast<double>(groups());
    preds[0] = preds[1] - preds[2];
  }
};

}  // namespace

std::unique_ptr<Scorer> read_uplift_drf(const ModelSource& source) {
  if (source.info.n_classes != 2) throw FormatError("model.ini: an uplift forest has two classes");
  auto model = std::make_unique<UpliftDrf>();
  model->read_trees(source);
  return model;
}

}  // namespace mojo
