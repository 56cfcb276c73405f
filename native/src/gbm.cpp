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
  std::size_t width() const override { return n_classes == 1 ? 1 : n_classes + 1; }
  OffsetUse offset_use() const override {
    return family == Family::multinomial && n_classes > 2 ? OffsetUse::none : OffsetUse::added;
  }

  ContributionRule contribution_rule(const ModelSource&) const override {
    return {"", static_cast<float>(init)};
  }

  Family family = Family::plain;
  Link link = Link::identity;
  double init = 0;
  std::size_t n_classes = 1;
  ClassRule rule;

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
      if (n_classes == 2) {
        preds[1] += init + offset;
        preds[2] = -preds[1];
      }
      to_shares(preds);
    }
    rule.apply(row, preds);
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

}  // namespace

std::unique_ptr<Scorer> read_gbm(const ModelSource& source) {
  const ModelInfo& info = source.info;
  auto model = std::make_unique<Gbm>();
  std::string distribution = info.values.text("distribution");
  model->family = parse_family(distribution, info.n_classes);
  const std::string* link = info.values.find("link_function");
  model->link = link ? parse_link(*link) : default_link(distribution);
  model->init = info.values.number("init_f");
  model->n_classes = info.n_classes;
  model->rule = ClassRule::read(info);
  model->read_trees(source);
  return model;
}

}  // namespace mojo
