#include "shared_tree_explainer.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "aux_nodes.hpp"
#include "text_values.hpp"
#include "tree_decoder.hpp"
#include "tree_scorer.hpp"
#include "tree_shap.hpp"

namespace mojo {
namespace {

constexpr std::uint32_t kNoTree = ~std::uint32_t{0};

std::string tree_title(std::size_t group, std::size_t of_class) {
  return "T" + std::to_string(group + 1) + ".C" + std::to_string(of_class + 1);
}

class SharedTreeExplainer final : public Explainer {
 public:
  SharedTreeExplainer(const TreeScorer& scorer, const ModelSource& source)
      : scorer_(scorer),
        version_(parse_number("mojo_version", source.info.mojo_version)),
        names_(source.info.columns.begin(),
               source.info.columns.begin() + static_cast<std::ptrdiff_t>(source.info.n_features)),
        forest_(make_forest(source.info)),
        roots_(scorer.classes(), std::vector<std::uint32_t>(scorer.groups(), kNoTree)) {
    read_trees(source);
    rule_ = scorer.contribution_rule(source);
    if (source.info.n_classes > 2 && rule_.refusal.empty())
      rule_.refusal = "h2o-genmodel has no contributions for more than two classes";
    if (version_ < 1.2)
      rule_.refusal = "h2o-genmodel has no contributions for files before mojo_version 1.20";
    if (rule_.refusal.empty()) make_shap();
  }

  std::vector<std::string> contribution_names() const override {
    if (!rule_.refusal.empty()) throw UnsupportedError(rule_.refusal);
    std::vector<std::string> names = names_;
    names.emplace_back("BiasTerm");
    return names;
  }

  void contribute(const double* row, float* out) const override {
    std::fill_n(out, names_.size() + 1, 0.0F);
    auto goes_right = [&](std::uint32_t at) {
      const Node& node = forest_.nodes[at];
      // Here, other than in a score, a level outside of the domain is not missing.
      if (node.kind == Node::missing_only) return std::isnan(row[node.column]);
      return forest_.next(at, row) == node.right;
    };
    shap_.contribute(goes_right, out, names_.size());
    if (rule_.divisor == 0) return;
    for (std::size_t i = 0; i <= names_.size(); ++i) {
      if (out[i] != 0) out[i] = rule_.added + out[i] / static_cast<float>(rule_.divisor);
    }
  }

  std::vector<std::string> tree_names() const override {
    if (version_ < 1.2)
      throw UnsupportedError("h2o-genmodel has no leaf assignments for files before mojo_version 1.20");
    std::vector<std::string> names;
    for (std::size_t c = 0; c < roots_.size(); ++c) {
      for (std::size_t g = 0; g < roots_[c].size(); ++g) {
        if (roots_[c][g] == kNoTree) {
          throw UnsupportedError(
              "h2o-genmodel has no leaf assignments for a model with a class without trees (" +
              tree_title(g, c) + ")");
        }
        names.push_back(tree_title(g, c));
      }
    }
    return names;
  }

  bool has_leaf_ids() const override { return version_ >= 1.3; }

  void find_leaves(const double* row, LeafPlace* out) const override {
    for (const std::vector<std::uint32_t>& of_class : roots_) {
      for (std::uint32_t root : of_class) *out++ = find_leaf(root, row);
    }
  }

  std::vector<std::string> stage_names() const override {
    std::vector<std::string> names;
    for (std::size_t g = 0; g < scorer_.groups(); ++g) {
      for (std::size_t c = 0; c < roots_.size(); ++c) names.push_back(tree_title(g, c));
    }
    return names;
  }

  void predict_stages(const double* row, double* out) const override {
    std::vector<double> sums(roots_.size());
    std::vector<double> preds(scorer_.width());
    for (std::size_t g = 0; g < scorer_.groups(); ++g) {
      std::fill(preds.begin(), preds.end(), 0.0);
      for (std::size_t c = 0; c < roots_.size(); ++c) {
        if (roots_[c][g] != kNoTree) sums[c] += static_cast<double>(forest_.leaf_of(roots_[c][g], row));
        preds[scorer_.first() + c] = sums[c];
      }
      scorer_.finish(row, 0, preds.data());
      for (std::size_t c = 0; c < roots_.size(); ++c) *out++ = preds[scorer_.first() + c];
    }
  }

 private:
  void read_trees(const ModelSource& source) {
    TreeVersion version = tree_version(source.info);
    AuxField field = version_ < 1.3 ? AuxField::parent : AuxField::left_splits;
    std::vector<std::uint8_t> bytes;
    for (std::size_t c = 0; c < roots_.size(); ++c) {
      for (std::size_t g = 0; g < roots_[c].size(); ++g) {
        std::string name = tree_name(c, g, ".bin");
        if (!source.contains(name)) continue;
        source.read(name, bytes);
        std::uint32_t root = decode_tree(bytes, source, source.prefix + name, version, forest_);
        roots_[c][g] = root;
        if (version_ < 1.2) continue;
        name = tree_name(c, g, "_aux.bin");
        source.read(name, bytes);
        read_aux_nodes(bytes, source.prefix + name, field, forest_, root, aux_);
      }
    }
  }

  void make_shap() {
    std::vector<ShapNode> nodes;
    for (std::size_t i = 0; i < forest_.nodes.size(); ++i) {
      const Node& node = forest_.nodes[i];
      bool leaf = node.kind == Node::leaf;
      nodes.push_back({leaf ? node.value : 0, aux_[i].weight, leaf ? 0 : node.right, node.column});
    }
    std::vector<std::uint32_t> roots;
    for (std::size_t g = 0; g < scorer_.groups(); ++g) {
      for (const std::vector<std::uint32_t>& of_class : roots_) {
        if (of_class[g] == kNoTree) {
          rule_.refusal = "h2o-genmodel has no contributions for a model with a class without trees";
          return;
        }
        roots.push_back(of_class[g]);
      }
    }
    shap_ = TreeShap(std::move(nodes), std::move(roots), rule_.bias);
  }

  // Java packs the path into the bits of a double, and takes it for no path where they spell NaN.
  LeafPlace find_leaf(std::uint32_t root, const double* row) const {
    std::uint64_t bits = 0;
    int depth = 0;
    std::uint32_t at = root;
    for (; forest_.nodes[at].kind != Node::leaf; ++depth) {
      std::uint32_t next = forest_.next(at, row);
      if (depth < 64 && next == forest_.nodes[at].right) bits |= std::uint64_t{1} << depth;
      at = next;
    }
    if (depth >= 64) return {};
    bits |= std::uint64_t{1} << depth;  // the end of the path
    if (std::isnan(std::bit_cast<double>(bits))) return {};
    std::string path;
    for (int i = 0; i < depth; ++i) path += bits >> i & 1 ? 'R' : 'L';
    return {path, has_leaf_ids() ? aux_[at].id : -1};
  }

  const TreeScorer& scorer_;
  double version_;
  std::vector<std::string> names_;
  Forest forest_;
  std::vector<std::vector<std::uint32_t>> roots_;  // [class][group]
  std::vector<AuxNode> aux_;                       // per node
  ContributionRule rule_;
  TreeShap shap_;
};

}  // namespace

std::unique_ptr<Explainer> make_shared_tree_explainer(const TreeScorer& scorer, const ModelSource& source) {
  return std::make_unique<SharedTreeExplainer>(scorer, source);
}

}  // namespace mojo
