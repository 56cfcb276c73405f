#include "booster_trees.hpp"

#include <algorithm>
#include <cmath>

#include "errors.hpp"

namespace mojo {
namespace {

class BoosterForest {
 public:
  BoosterForest(const std::vector<std::int64_t>& offsets, std::size_t numbers, bool sparse)
      : offsets_(offsets), sparse_(sparse) {
    std::size_t categories = offsets.size() - 1;
    if (categories + numbers > 0xffff)
      throw UnsupportedError("XGBoost model with " + std::to_string(categories + numbers) +
                             " columns, only " + std::to_string(0xffff) + " are supported");
    for (std::size_t i = 0; i < categories; ++i) forest.level_counts.push_back(offsets[i + 1] - offsets[i]);
    forest.level_counts.resize(categories + numbers, kNoDomain);
    forest.bits = {0, 1};
  }

  // Appends the tree at `root` with its leaves times `weight` and returns its first node.
  std::uint32_t append(const std::vector<Booster::Node>& nodes, std::uint32_t root, const float* weight) {
    auto start = static_cast<std::uint32_t>(forest.nodes.size());
    std::size_t open = 1;
    for (std::uint32_t at = root; open > 0; ++at) {
      const Booster::Node& node = nodes[at];
      Node made{};
      if (node.right == 0) {
        --open;
        made.value = weight ? *weight * node.value : node.value;
      } else {
        ++open;
        made = convert(node);
        made.right = start + (node.right - root);
      }
      forest.nodes.push_back(made);
    }
    return start;
  }

  Forest forest;

 private:
  Node convert(const Booster::Node& node) {
    Node made{};
    made.missing_left = node.missing_left;
    std::int64_t cell = node.feature;
    if (cell >= offsets_.back()) {
      made.kind = Node::number;
      made.column =
          static_cast<std::uint16_t>(offsets_.size() - 1 + static_cast<std::size_t>(cell - offsets_.back()));
      // No value is below a NaN, so all go right: as above the lowest threshold.
      made.value = std::isnan(node.value) ? -INFINITY : node.value;
      return made;
    }
    auto next = std::ranges::upper_bound(offsets_, cell);
    auto column = static_cast<std::size_t>(next - offsets_.begin() - 1);
    bool lit_right = !(1.0F < node.value);
    bool unlit_right = sparse_ ? !node.missing_left : !(0.0F < node.value);
    // A set of this one level; all others are outside of its range and so count as missing.
    made.kind = Node::level_set;
    made.column = static_cast<std::uint16_t>(column);
    made.missing_left = !unlit_right;
    made.set = static_cast<std::uint32_t>(forest.sets.size());
    forest.sets.push_back({lit_right ? 8U : 0U, static_cast<std::int32_t>(cell - offsets_[column]), 1});
    return made;
  }

  const std::vector<std::int64_t>& offsets_;
  bool sparse_;
};

}  // namespace

CompiledTrees compile_booster(const Booster& booster, const std::vector<std::int64_t>& offsets,
                              std::size_t numbers, bool sparse) {
  BoosterForest made(offsets, numbers, sparse);
  std::vector<Forest> forests(1);
  TreesByClass trees(booster.roots.size());
  for (std::size_t g = 0; g < booster.roots.size(); ++g) {
    for (std::size_t k = 0; k < booster.roots[g].size(); ++k) {
      // Java counts k within the group although the weights are in file order: wrong for several groups, but
      // its answer.
      const float* weight = booster.weights.empty() ? nullptr : &booster.weights[k];
      std::uint32_t root = made.append(booster.nodes, booster.roots[g][k], weight);
      trees[g].push_back({forests.data(), root, static_cast<std::uint32_t>(made.forest.nodes.size())});
    }
  }
  forests[0] = std::move(made.forest);
  return {std::move(forests), std::move(trees)};
}

}  // namespace mojo
