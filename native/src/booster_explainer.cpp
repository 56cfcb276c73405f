#include "booster_explainer.hpp"

#include <algorithm>
#include <cmath>

#include "tree_shap.hpp"

namespace mojo {
namespace {

class BoosterExplainer final : public Explainer {
 public:
  BoosterExplainer(BoosterFrame frame, std::size_t groups, const ModelSource& source)
      : frame_(std::move(frame)) {
    std::vector<std::uint8_t> bytes;
    source.read("boosterBytes", bytes);
    booster_ = read_booster(bytes, frame_.cells, groups, source.limits, &facts_);
    for (std::size_t g = 0; g < groups; ++g) {
      for (std::size_t k = 0; k < booster_.roots[g].size(); ++k) {
        std::string title = "T" + std::to_string(k + 1) + ".C" + std::to_string(g + 1);
        trees_.push_back({booster_.roots[g][k], title});
      }
    }
    // In the order of the file.
    std::ranges::sort(trees_, {}, &Tree::root);
    refuse_contributions(groups);
    if (refusal_.empty()) make_shap(source);
  }

  std::vector<std::string> contribution_names() const override {
    if (!refusal_.empty()) throw UnsupportedError(refusal_);
    std::vector<std::string> names = frame_.names;
    names.emplace_back("BiasTerm");
    return names;
  }

  void contribute(const double* row, float* out) const override {
    std::fill_n(out, frame_.cells + 1, 0.0F);
    std::vector<float> vector(frame_.cells);
    frame_.encode(row, vector.data());
    auto goes_right = [&](std::uint32_t at) { return booster_.next(at, vector.data()) != at + 1; };
    shap_.contribute(goes_right, out, frame_.cells);
  }

  std::vector<std::string> tree_names() const override {
    if (!booster_.coefficients.empty()) refuse("leaf assignments");
    std::vector<std::string> names;
    for (const Tree& tree : trees_) names.push_back(tree.title);
    return names;
  }

  void find_leaves(const double* row, LeafPlace* out) const override {
    std::vector<float> vector(frame_.cells);
    frame_.encode(row, vector.data());
    for (const Tree& tree : trees_) {
      std::uint32_t at = tree.root;
      std::string path;
      while (booster_.nodes[at].right != 0) {
        std::uint32_t next = booster_.next(at, vector.data());
        path += next == at + 1 ? 'L' : 'R';
        at = next;
      }
      *out++ = {std::move(path), facts_[at].id};
    }
  }

 private:
  struct Tree {
    std::uint32_t root;
    std::string title;
  };

  void refuse_contributions(std::size_t groups) {
    if (!booster_.coefficients.empty())
      refusal_ = "h2o-genmodel has no contributions for booster gblinear";
    else if (groups > 2)
      refusal_ = "h2o-genmodel has no contributions for more than two classes";
    else if (frame_.names.size() != frame_.cells)
      refusal_ = "the levels of the columns do not match cat_offsets, so the contributions have no names";
  }

  void make_shap(const ModelSource& source) {
    std::vector<float> weights;
    for (const BoosterFact& fact : facts_) weights.push_back(fact.weight);
    if (source.contains("auxNodeWeights")) replace_weights(source, weights);
    std::vector<ShapNode> nodes;
    for (std::size_t i = 0; i < booster_.nodes.size(); ++i) {
      const Booster::Node& node = booster_.nodes[i];
      nodes.push_back({node.value, weights[i], node.right, node.feature});
    }
    // Weights of booster dart are not in the contributions.
    shap_ = TreeShap(std::move(nodes), booster_.roots[0], frame_.base);
  }

  // Weights of other data than the training's, given per node of the file.
  void replace_weights(const ModelSource& source, std::vector<float>& weights) const {
    std::vector<std::uint8_t> bytes;
    source.read("auxNodeWeights", bytes);
    ByteReader reader(bytes, source.prefix + "auxNodeWeights");
    if (reader.little<std::int32_t>() != static_cast<std::int64_t>(booster_.roots[0].size()))
      throw FormatError("auxNodeWeights: another number of trees than boosterBytes");
    for (std::size_t k = 0; k < booster_.roots[0].size(); ++k) {
      std::uint32_t root = booster_.roots[0][k];
      auto next = std::ranges::upper_bound(trees_, root, {}, &Tree::root);
      std::size_t end = next == trees_.end() ? booster_.nodes.size() : next->root;
      auto count = reader.little<std::int32_t>();
      if (count != facts_[root].file_nodes) throw FormatError("auxNodeWeights: another number of nodes");
      std::vector<double> given;
      ByteReader numbers(reader.take(std::uint64_t{8} * static_cast<std::uint64_t>(count)), "auxNodeWeights");
      for (std::int32_t i = 0; i < count; ++i) given.push_back(numbers.little<double>());
      for (std::size_t at = root; at < end; ++at)
        weights[at] = static_cast<float>(given[static_cast<std::size_t>(facts_[at].id)]);
    }
  }

  BoosterFrame frame_;
  Booster booster_;
  std::vector<BoosterFact> facts_;  // per node
  std::vector<Tree> trees_;
  std::string refusal_;
  TreeShap shap_;
};

}  // namespace

std::unique_ptr<Explainer> make_booster_explainer(BoosterFrame frame, std::size_t groups,
                                                  const ModelSource& source) {
  return std::make_unique<BoosterExplainer>(std::move(frame), groups, source);
}

}  // namespace mojo
