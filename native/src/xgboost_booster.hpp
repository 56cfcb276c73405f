// The blob `boosterBytes`: XGBoost's own binary model file, version 0.x to 1.x.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "byte_reader.hpp"
#include "limits.hpp"

namespace mojo {

struct Booster {
  struct Node {
    float value = 0;          // leaf value or threshold
    std::uint32_t right = 0;  // 0: this is a leaf; the left child is the next node
    std::uint32_t feature = 0;
    bool missing_left = false;
  };

  float base_score = 0;
  int major_version = 0;
  int minor_version = 0;
  std::string objective;
  std::vector<Node> nodes;
  std::vector<std::vector<std::uint32_t>> roots;  // per output group, in file order
  std::vector<float> weights;                     // of booster dart, in file order; empty for gbtree
  // Of booster gblinear, which has no trees: per feature and then for the constant one weight per group.
  std::vector<float> coefficients;
  std::size_t groups = 1;

  // Where the vector goes from the split at `at`.
  std::uint32_t next(std::uint32_t at, const float* vector) const;
  // The leaf value of the tree at `root` for a feature vector in which NaN is missing.
  float leaf_of(std::uint32_t root, const float* vector) const;
  // Of booster gblinear: adds to `sum` as Java does.
  float add_linear(std::size_t group, const float* vector, float sum) const;
};

// What explanations need to know about a node.
struct BoosterFact {
  std::int32_t id = 0;          // its place in the file's tree
  float weight = 0;             // sum of the hessian
  std::int32_t file_nodes = 0;  // of the tree, deleted ones too
};

// `width` is the length of the feature vector, `groups` the number of outputs the model needs.
// `facts`, where given, gets one entry per node. Throws FormatError, UnsupportedError.
Booster read_booster(Bytes bytes, std::size_t width, std::size_t groups, const Limits& limits,
                     std::vector<BoosterFact>* facts = nullptr);

}  // namespace mojo
