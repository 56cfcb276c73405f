#include "tree_shap.hpp"

#include <algorithm>

#include "errors.hpp"

namespace mojo {
namespace {

constexpr std::size_t kDeepest = 1'000;  // the work and the room grow with its square

struct PathElement {
  std::int64_t feature = 0;
  float zero = 0, one = 0;  // shares of the paths that go on without and with the feature
  float weight = 0;
};

// One row through one tree.
class Walk {
 public:
  Walk(const std::vector<ShapNode>& nodes, const TreeShap::GoesRight& goes_right, float* phi)
      : nodes_(nodes), goes_right_(goes_right), phi_(phi) {}

  // `parent` has `depth` elements; this node's path is written behind them.
  void visit(std::uint32_t at, int depth, PathElement* parent, float zero, float one, std::int64_t feature) {
    PathElement* path = parent + depth;
    std::copy(parent, path, path);
    extend(path, depth, zero, one, feature);
    const ShapNode& node = nodes_[at];
    if (node.right == 0) {
      for (int i = 1; i <= depth; ++i)
        phi_[path[i].feature] += unwound_sum(path, depth, i) * (path[i].one - path[i].zero) * node.value;
      return;
    }
    std::uint32_t hot = at + 1;
    std::uint32_t cold = node.right;
    if (goes_right_(at)) std::swap(hot, cold);
    float hot_zero = node.weight != 0 ? nodes_[hot].weight / node.weight : 0.5F;
    float cold_zero = node.weight != 0 ? nodes_[cold].weight / node.weight : 0.5F;
    float before_zero = 1;
    float before_one = 1;
    // A feature that was split on above is taken out of the path and put in again.
    int known = 0;
    while (known <= depth && path[known].feature != node.feature) ++known;
    if (known <= depth) {
      before_zero = path[known].zero;
      before_one = path[known].one;
      unwind(path, depth, known);
      --depth;
    }
    visit(hot, depth + 1, path, hot_zero * before_zero, before_one, node.feature);
    visit(cold, depth + 1, path, cold_zero * before_zero, 0, node.feature);
  }

 private:
  static void extend(PathElement* path, int depth, float zero, float one, std::int64_t feature) {
    path[depth] = {feature, zero, one, depth == 0 ? 1.0F : 0.0F};
    auto length = static_cast<float>(depth + 1);
    for (int i = depth - 1; i >= 0; --i) {
      path[i + 1].weight += one * path[i].weight * static_cast<float>(i + 1) / length;
      path[i].weight = zero * path[i].weight * static_cast<float>(depth - i) / length;
    }
  }

  static void unwind(PathElement* path, int depth, int index) {
    float one = path[index].one;
    float zero = path[index].zero;
    float next = path[depth].weight;
    auto length = static_cast<float>(depth + 1);
    for (int i = depth - 1; i >= 0; --i) {
      if (one != 0) {
        float before = path[i].weight;
        path[i].weight = next * length / (static_cast<float>(i + 1) * one);
        next = before - path[i].weight * zero * static_cast<float>(depth - i) / length;
      } else if (zero != 0) {
        path[i].weight = path[i].weight * length / (zero * static_cast<float>(depth - i));
      } else {
        path[i].weight = 0;
      }
    }
    for (int i = index; i < depth; ++i) {
      path[i].feature = path[i + 1].feature;
      path[i].zero = path[i + 1].zero;
      path[i].one = path[i + 1].one;
    }
  }

  static float unwound_sum(const PathElement* path, int depth, int index) {
    float one = path[index].one;
    float zero = path[index].zero;
    float next = path[depth].weight;
    auto length = static_cast<float>(depth + 1);
    float total = 0;
    for (int i = depth - 1; i >= 0; --i) {
      float share = static_cast<float>(depth - i) / length;  // grouped otherwise than in unwind()
      if (one != 0) {
        float part = next * length / (static_cast<float>(i + 1) * one);
        total += part;
        next = path[i].weight - part * zero * share;
      } else if (zero != 0) {
        total += path[i].weight / zero / share;
      } else if (path[i].weight != 0) {
        throw RowError("contributions: a path without weight has one");
      }
    }
    return total;
  }

  const std::vector<ShapNode>& nodes_;
  const TreeShap::GoesRight& goes_right_;
  float* phi_;
};

}  // namespace

TreeShap::TreeShap(std::vector<ShapNode> nodes, std::vector<std::uint32_t> roots, float bias)
    : nodes_(std::move(nodes)), roots_(std::move(roots)), bias_(bias) {
  // Children stand behind their parents.
  std::vector<float> means(nodes_.size());
  std::vector<std::uint32_t> depths(nodes_.size());
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    const ShapNode& node = nodes_[i];
    if (node.right != 0) depths[i] = 1 + std::max(depths[i + 1], depths[node.right]);
    if (node.weight == 0) {
      means[i] = 0;  // also of a tree that is one leaf
    } else if (node.right == 0) {
      means[i] = node.value;
    } else {
      const ShapNode& left = nodes_[i + 1];
      const ShapNode& right = nodes_[node.right];
      means[i] = (left.weight * means[i + 1] + right.weight * means[node.right]) / node.weight;
    }
  }
  for (std::uint32_t root : roots_) {
    means_.push_back(means[root]);
    depth_ = std::max<std::size_t>(depth_, depths[root]);
  }
  if (depth_ > kDeepest) {
    throw UnsupportedError("contributions of a tree of depth " + std::to_string(depth_) + ", the limit is " +
                           std::to_string(kDeepest));
  }
}

void TreeShap::contribute(const GoesRight& goes_right, float* phi, std::size_t features) const {
  std::vector<PathElement> room((depth_ + 2) * (depth_ + 3) / 2 + 1);
  phi[features] += bias_;
  Walk walk(nodes_, goes_right, phi);
  for (std::size_t i = 0; i < roots_.size(); ++i) {
    phi[features] += means_[i];
    room[0] = {};
    walk.visit(roots_[i], 0, room.data(), 1, 1, -1);
  }
}

}  // namespace mojo
