#include "gbm.hpp"

#include <algorithm>
#include <cmath>

#include "class_label.hpp"
#include "java_math.hpp"
#include "java_numbers.hpp"
#include "link_function.hpp"
#include "tree_scorer.hpp"

namespace mojo {
namespace {

enum class Family { binary, multinomial, plain };

Family parse_family(const std::string& distribution, std::size_t classes) {
  for (const char* name : {"bernoulli", "quasibinomial", "modified_huber"}) {
    if (distribution == name) {
      if (classes != 2)
        throw FormatError("model.ini: distribution " + distribution + " with " + std::to_string(classes) +
                          " classes");
      return Family::binary;
    }
  }
  if (distribution == "multinomial" && classes >= 2) return Family::multinomial;
  for (const char* name :
       {"gaussian", "poisson", "gamma", "tweedie", "huber", "laplace", "quantile", "custom"}) {
    if (distribution == name && classes == 1) return Family::plain;
  }
  throw UnsupportedError("GBM with distribution " + distribution + " and " + std::to_string(classes) +
                         " classes is not supported");
}

class Gbm final : public TreeScorer {
 public:
  std::size_t width() const override { return classes == 1 ? 1 : classes + 1; }
  OffsetUse offset_use() const override {
    return family == Family::multinomial && classes > 2 ? OffsetUse::none : OffsetUse::added;
  }

  Family family = Family::plain;
  Link link = Link::identity;
  double init = 0;
  std::size_t classes = 1;
  std::size_t features = 0;
  double threshold = 0.5;
  std::vector<double> priors;
  std::vector<double> trained;  // class shares to correct for; empty without balance_classes

 protected:
  void finish(const double* row, double offset, double* preds_array) const override {
    std::span<double> preds(preds_array, width());
    if (family == Family::plain) {
      preds[0] = inverse_link(link, preds[0] + init + offset);
      return;
    }
    if (family == Family::binary) {
      preds[2] = inverse_link(link, preds[1] + init + offset);
      preds[1] = 1 - preds[2];
    } else {
      if (classes == 2) {
        preds[1] += init + offset;
        preds[2] = -preds[1];
      }
      to_shares(preds);
    }
    if (!trained.empty()) correct_balance(preds, priors, trained);
    preds[0] = choose_label(preds, {row, features}, priors, threshold);
  }

  static void to_shares(std::span<double> preds) {
    double largest = -INFINITY;
    for (std::size_t c = 1; c < preds.size(); ++c) largest = java_max(largest, preds[c]);
    double sum = 0;
    for (std::size_t c = 1; c < preds.size(); ++c) {
      preds[c] = java_exp(preds[c] - largest);
      sum += preds[c];
    }
    for (std::size_t c = 1; c < preds.size(); ++c) preds[c] /= sum;
  }
};

void refuse_special_kinds(const ModelInfo& info) {
  info.require_version(1.20, 1.40);
  std::string encoding = info.values.text("_genmodel_encoding", "AUTO");
  if (encoding != "AUTO" && encoding != "Enum" && encoding != "SortByResponse") {
    throw UnsupportedError("categorical encoding " + encoding + " is not supported");
  }
}

}  // namespace

std::unique_ptr<Scorer> read_gbm(const ModelSource& source) {
  const ModelInfo& info = source.info;
  refuse_special_kinds(info);
  auto model = std::make_unique<Gbm>();
  std::string distribution = info.values.text("distribution");
  model->family = parse_family(distribution, info.n_classes);
  const std::string* link = info.values.find("link_function");
  model->link = link ? parse_link(*link) : default_link(distribution);
  model->init = info.values.number("init_f");
  model->classes = info.n_classes;
  model->features = info.n_features;
  model->threshold = info.default_threshold;
  model->priors = info.prior_distribution;
  if (info.balance_classes && info.n_classes > 1) {
    if (info.prior_distribution.empty() || info.model_distribution.empty()) {
      throw FormatError("model.ini: balance_classes without class distributions");
    }
    model->trained = info.model_distribution;
  }
  std::size_t most = model->family == Family::multinomial ? info.n_classes : 1;
  model->trees = TreeEnsemble::read(source, read_trees_per_group(info, most));
  return model;
}

}  // namespace mojo
