// Trees for many rows at once: one bit per row. Every split passes the rows that reach it on to its children
// with two ANDs, so nothing depends on a load or a branch of its own row. The leaf of a row is the number
// that its turns make.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "condition_table.hpp"
#include "forest.hpp"
#include "kernels.hpp"

namespace mojo {

class BitSlices {
 public:
  // A pass costs the same however few its rows are: below this, walking row by row is faster.
  static constexpr std::size_t kLeastRows = 160;

  explicit BitSlices(int depth) : depth_(depth) {}

  template <class QuestionOf>
  void append(const Tree& tree, QuestionOf question_of);
  void finish();
  std::size_t nbytes() const;

  class Pass;

 private:
  int depth_;
  std::vector<SliceSplit> splits_;          // tree by tree, breadth first
  std::vector<std::uint16_t> level_sizes_;  // depth_ per tree
  std::vector<std::uint32_t> starts_;       // of each tree in splits_
  std::size_t most_splits_ = 0;             // of one tree
};

// The answers for a block of rows, from which the trees are followed one by one.
class BitSlices::Pass {
 public:
  static const SliceKernels& kernels_for(std::size_t rows);

  // The first rows of `rows` that one pass takes; `room` is scratch.
  Pass(const BitSlices& slices, const ConditionTable& table, const double* values, std::size_t row_stride,
       std::size_t rows, std::vector<Word>& room);

  std::size_t rows() const { return rows_; }
  // The leaf number of every row in the tree; valid until the next call.
  const std::uint16_t* follow(std::size_t tree);

 private:
  static constexpr std::size_t kMostWords = 8;
  static constexpr std::size_t kMostDepth = 16;

  const BitSlices& slices_;
  const SliceKernels& kernels_;
  std::size_t rows_;
  Word* answers_;
  Word* masks_;
  alignas(64) Word planes_[kMostDepth * kMostWords];
  alignas(64) std::uint16_t numbers_[kMostWords * 64];
};

template <class QuestionOf>
void BitSlices::append(const Tree& tree, QuestionOf question_of) {
  const std::vector<Node>& nodes = tree.forest->nodes;
  auto splits = [&](std::uint32_t node) { return nodes[node].kind != Node::leaf; };
  std::size_t start = splits_.size();
  starts_.push_back(static_cast<std::uint32_t>(start));
  std::vector<std::uint32_t> level;
  if (splits(tree.root)) level.push_back(tree.root);
  for (int d = 0; d < depth_; ++d) {
    std::vector<std::uint32_t> below;
    for (std::uint32_t node : level) {
      bool left = splits(node + 1);
      bool right = splits(nodes[node].right);
      splits_.push_back({question_of(node), left, right});
      if (left) below.push_back(node + 1);
      if (right) below.push_back(nodes[node].right);
    }
    level_sizes_.push_back(static_cast<std::uint16_t>(level.size()));
    level.swap(below);
  }
  most_splits_ = std::max(most_splits_, splits_.size() - start);
}

}  // namespace mojo
