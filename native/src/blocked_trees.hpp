// Trees of seven to ten levels, cut in two so that a path touches three cache lines: a heap of the upper
// levels, and below each of its ends a block of four levels with their leaves. Which block a path enters is
// known after the upper part, so its lines are fetched while other trees walk. Nine of ten questions are
// asked in the blocks only: those are answered as bits, which cost a step more but need no byte of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels.hpp"

namespace mojo {

class BlockedTrees {
 public:
  static constexpr int kBottomDepth = 4;
  static constexpr int kLeastDepth = 7;
  static constexpr int kMostDepth = 10;

  BlockedTrees(int depth, std::size_t trees);
  static std::size_t tree_bytes(int depth);

  int depth() const { return top_depth_ + kBottomDepth; }
  std::size_t nbytes() const;

  // The answers of two tables: the questions of the upper levels as bytes, those of the blocks as bits.
  struct Answers {
    const std::uint8_t* top;
    const Word* bottom;
  };

  int top_depth() const { return top_depth_; }
  // As in HeapTrees: places count from 1, leaves from 0. `question` is one of the table of its level.
  void set_question(std::size_t tree, std::uint32_t place, std::uint16_t question);
  void set_leaf(std::size_t tree, std::uint32_t leaf, float value);

  template <class Sum>
  void add(const Answers& answers, std::size_t first, std::size_t last, Sum& sum) const;
  void fetch_leaves(std::size_t tree) const;
  template <class Sum>
  void add_leaves(std::size_t tree, const std::uint16_t* numbers, std::size_t rows, Sum* sums) const;

 private:
  struct alignas(32) Bottom {
    std::uint16_t questions[16];  // the first unused
    float leaves[16];
  };
  static_assert(sizeof(Bottom) == 96);

  template <int Top, class Sum>
  void add_of_depth(const Answers& answers, std::size_t first, std::size_t last, Sum& sum) const;
  template <int Top, int Lanes>
  void enter_bottoms(const std::uint8_t* answers, std::size_t tree, const Bottom** entered) const;
  template <int Lanes, class Sum>
  static void add_lanes(const Word* answers, const Bottom* const* entered, Sum& sum);

  int top_depth_;
  std::vector<std::uint16_t> tops_;  // 2^top_depth questions per tree, the first unused
  std::vector<Bottom> bottoms_;      // 2^top_depth per tree
};

}  // namespace mojo
