#include "gbm.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "class_label.hpp"
#include "forest.hpp"
#include "java_numbers.hpp"
#include "link_function.hpp"
#include "tree_decoder.hpp"

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

class Gbm final : public Scorer {
 public:
  std::size_t width() const override { return classes == 1 ? 1 : classes + 1; }
  void prepare(Scratch&) const override {}

  std::size_t nbytes() const override {
    std::size_t bytes = forest.nbytes();
    for (const std::vector<std::uint32_t>& of_class : roots)
      bytes += of_class.capacity() * sizeof(std::uint32_t);
    return bytes;
  }

  void score(const double* row, double* preds, Scratch&) const override {
    std::fill_n(preds, width(), 0.0);
    double* sums = preds + (classes == 1 ? 0 : 1);
    for (std::size_t c = 0; c < roots.size(); ++c) {
      double sum = 0;
      for (std::uint32_t root : roots[c]) sum += static_cast<double>(forest.leaf_of(root, row));
      sums[c] = sum;
    }
    finish(row, {preds, width()});
  }

  Forest forest;
  std::vector<std::vector<std::uint32_t>> roots;  // per class
  Family family = Family::plain;
  Link link = Link::identity;
  double init = 0;
  std::size_t classes = 1;
  std::size_t features = 0;
  double threshold = 0.5;
  std::vector<double> priors;
  std::vector<double> trained;  // class shares to correct for; empty without balance_classes

 private:
  void finish(const double* row, std::span<double> preds) const {
    if (family == Family::plain) {
      preds[0] = inverse_link(link, preds[0] + init);
      return;
    }
    if (family == Family::binary) {
      preds[2] = inverse_link(link, preds[1] + init);
      preds[1] = 1 - preds[2];
    } else {
      if (classes == 2) {
        preds[1] += init;
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
      preds[c] = std::exp(preds[c] - largest);
      sum += preds[c];
    }
    for (std::size_t c = 1; c < preds.size(); ++c) preds[c] /= sum;
  }
};

std::string tree_name(const std::string& prefix, std::size_t of_class, std::size_t group) {
  char name[64];
  std::snprintf(name, sizeof name, "trees/t%02zu_%03zu.bin", of_class, group);
  return prefix + name;
}

void refuse_special_kinds(const ModelInfo& info) {
  info.require_version(1.20, 1.40);
  std::string encoding = info.values.text("_genmodel_encoding", "AUTO");
  if (encoding != "AUTO" && encoding != "Enum" && encoding != "SortByResponse") {
    throw UnsupportedError("categorical encoding " + encoding + " is not supported");
  }
}

// Trees in the order of scoring: all groups of a class, then the next class.
void read_trees(ZipArchive& archive, const std::string& prefix, const ModelInfo& info, const Limits& limits,
                Gbm& model) {
  std::size_t groups = info.values.count("n_trees", 0, limits.trees);
  std::int64_t most = model.family == Family::multinomial ? static_cast<std::int64_t>(info.n_classes) : 1;
  std::size_t per_group =
      info.values.find("n_trees_per_class") ? info.values.count("n_trees_per_class", 1, most) : most;
  if (groups * per_group > static_cast<std::size_t>(limits.trees)) {
    throw FormatError("model.ini: " + std::to_string(groups) + " times " + std::to_string(per_group) +
                      " trees, the limit is " + std::to_string(limits.trees));
  }
  if (per_group != 1 && per_group != info.n_classes)
    throw FormatError("model.ini: n_trees_per_class is neither 1 nor n_classes");
  std::vector<bool> seen(groups);
  std::vector<std::uint8_t> bytes;
  model.roots.resize(per_group);
  for (std::size_t c = 0; c < per_group; ++c) {
    for (std::size_t g = 0; g < groups; ++g) {
      std::string name = tree_name(prefix, c, g);
      if (!archive.contains(name)) continue;  // a class without training rows has no trees
      archive.read(name, bytes);
      model.roots[c].push_back(decode_tree(bytes, info.n_features, name, model.forest));
      seen[g] = true;
    }
  }
  for (std::size_t g = 0; g < groups; ++g) {
    if (!seen[g]) throw FormatError(tree_name(prefix, 0, g) + " is missing");
  }
  model.forest.nodes.shrink_to_fit();
  model.forest.sets.shrink_to_fit();
  model.forest.bits.shrink_to_fit();
}

}  // namespace

std::unique_ptr<Scorer> read_gbm(ZipArchive& archive, const std::string& prefix, const ModelInfo& info,
                                 const Limits& limits) {
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
  for (std::size_t i = 0; i < info.n_features; ++i) {
    std::size_t levels = info.domains[i] ? info.domains[i]->size() : std::numeric_limits<std::int32_t>::max();
    model->forest.level_counts.push_back(static_cast<std::int32_t>(levels));
  }
  read_trees(archive, prefix, info, limits, *model);
  return model;
}

}  // namespace mojo
