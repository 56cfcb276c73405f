// TreeSHAP in float32, operation by operation as h2o-genmodel does it.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace mojo {

// The left child of a split is the next node.
struct ShapNode {
  float value = 0;          // of a leaf
  float weight = 0;         // of the observations that came here in training
  std::uint32_t right = 0;  // 0: a leaf
  std::uint32_t feature = 0;
};

class TreeShap {
 public:
  using GoesRight = std::function<bool(std::uint32_t node)>;

  TreeShap() = default;
  // Trees start at `roots` and end where the next one in `nodes` starts. `bias` is what the sum starts from.
  // Throws UnsupportedError when a tree is too deep.
  TreeShap(std::vector<ShapNode> nodes, std::vector<std::uint32_t> roots, float bias);

  // Adds to `phi`, which has one value per feature and the bias in `phi[features]`. Throws RowError.
  void contribute(const GoesRight& goes_right, float* phi, std::size_t features) const;

 private:
  std::vector<ShapNode> nodes_;
  std::vector<std::uint32_t> roots_;  // in the order of the sum
  std::vector<float> means_;          // per root: the expected value of the tree
  float bias_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace mojo
