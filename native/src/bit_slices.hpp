// Trees for many rows at once: one bit per row. Every split passes the rows that reach it on to its children
// with two ANDs, so nothing depends on a load or a branch of its own row. The leaf of a row is the number
// that its turns make. Most splits are in the lowest three levels: there the rows stay in registers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include "condition_table.hpp"
#include "forest.hpp"
#include "kernels.hpp"

namespace mojo {

class BitSlices {
 public:
  // A pass costs the same however few its rows are: below so many, walking row by row is faster. Answers for
  // all rows are much of a pass where the trees hardly share their questions.
  std::size_t least_rows(const ConditionTable& table) const {
    return table.size() > 64 * starts_.size() ? 208 : 144;
  }

  static constexpr int kLeastDepth = SliceBottom::kLevels;

  explicit BitSlices(int depth) : depth_(depth) {}

  template <class QuestionOf>
  void append(const Tree& tree, QuestionOf question_of);
  void finish();
  bool empty() const { return starts_.empty(); }
  std::size_t nbytes() const;

  class Pass;

 private:
  static constexpr std::uint32_t kNoNode = ~std::uint32_t{0};

  struct Start {
    std::uint32_t split;
    std::uint32_t bottom;
  };

  std::size_t levels() const { return static_cast<std::size_t>(depth_ - SliceBottom::kLevels) + 1; }

  int depth_;
  std::vector<SliceSplit> splits_;          // tree by tree, breadth first
  std::vector<SliceBottom> bottoms_;        // in the order in which the splits above lead to them
  std::vector<std::uint16_t> level_sizes_;  // levels() per tree, the last one that of the bottoms
  std::vector<Start> starts_;               // of each tree
  std::size_t most_masks_ = 0;              // of one tree
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
  std::size_t masks = 0;
  starts_.push_back(
      {static_cast<std::uint32_t>(splits_.size()), static_cast<std::uint32_t>(bottoms_.size())});
  std::vector<std::uint32_t> level;
  if (splits(tree.root)) level.push_back(tree.root);
  for (std::size_t d = 0; d + 1 < levels(); ++d) {
    std::vector<std::uint32_t> below;
    for (std::uint32_t node : level) {
      bool left = splits(node + 1);
      bool right = splits(nodes[node].right);
      splits_.push_back({static_cast<std::uint16_t>(question_of(node)), left, right});
      if (left) below.push_back(node + 1);
      if (right) below.push_back(nodes[node].right);
    }
    level_sizes_.push_back(static_cast<std::uint16_t>(level.size()));
    masks += level.size();
    level.swap(below);
  }
  for (std::uint32_t node : level) {
    std::uint32_t places[1 << SliceBottom::kLevels] = {0, node};
    SliceBottom bottom{};
    for (std::size_t place = 1; place < std::size(places); ++place) {
      std::uint32_t at = places[place];
      if (at == kNoNode || !splits(at)) at = kNoNode;
      if (at != kNoNode) bottom.questions[place] = static_cast<std::uint16_t>(question_of(at));
      if (2 * place + 1 >= std::size(places)) continue;
      places[2 * place] = at == kNoNode ? kNoNode : at + 1;
      places[2 * place + 1] = at == kNoNode ? kNoNode : nodes[at].right;
    }
    bottoms_.push_back(bottom);
  }
  level_sizes_.push_back(static_cast<std::uint16_t>(level.size()));
  most_masks_ = std::max(most_masks_, masks + level.size());
}

}  // namespace mojo
