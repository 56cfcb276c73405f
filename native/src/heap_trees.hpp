// Small trees as heaps: the children of place p are 2p and 2p + 1, so a node is nothing but its question.
// Leaves above the bottom stand at the leftmost place below them; question 0 leads there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mojo {

class HeapTrees {
 public:
  static constexpr int kMostDepth = 6;

  HeapTrees(int depth, std::size_t trees);
  static std::size_t tree_bytes(int depth);

  int depth() const { return depth_; }
  std::size_t size() const { return words_.size() / stride_; }
  std::size_t nbytes() const { return words_.capacity() * sizeof(std::uint32_t); }

  // Places count from 1, the root; leaves from 0 at the left end of the bottom.
  void set_question(std::size_t tree, std::uint32_t place, std::uint16_t question);
  void set_leaf(std::size_t tree, std::uint32_t leaf, float value);
  std::uint16_t question(std::size_t tree, std::uint32_t place) const;

  // Adds the leaves of trees first .. last - 1 in their order.
  template <class Sum>
  void add(const std::uint8_t* answers, std::size_t first, std::size_t last, Sum& sum) const;
  // Adds of trees first, first + 1 ... the leaf whose bit is the lowest in left[0], left[1] ...
  template <class Sum>
  void add_lowest(const std::uint64_t* left, std::size_t first, std::size_t count, Sum& sum) const;
  // Adds to sums[r] the leaf numbers[r] of the tree.
  template <class Sum>
  void add_leaves(std::size_t tree, const std::uint16_t* numbers, std::size_t rows, Sum* sums) const;

 private:
  template <int Depth, class Sum>
  void add_of_depth(const std::uint8_t* answers, std::size_t first, std::size_t last, Sum& sum) const;
  template <int Depth, class Sum>
  static void add_lowest_of_depth(const std::uint32_t* tree, const std::uint64_t* left, std::size_t count,
                                  Sum& sum);
  const std::uint32_t* tree_at(std::size_t tree) const { return words_.data() + tree * stride_; }

  int depth_;
  std::size_t stride_;  // words per tree
  std::vector<std::uint32_t>
      words_;  // per tree: 2^depth questions of 16 bits (the first unused), then its leaves
};

}  // namespace mojo
