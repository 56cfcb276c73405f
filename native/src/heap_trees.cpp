#include "heap_trees.hpp"

#include <algorithm>
#include <cstring>

namespace mojo {
namespace {

constexpr std::size_t question_words(int depth) {
  return std::max<std::size_t>(1, (std::size_t{1} << depth) / 2);
}

template <int Depth, int Lanes, class Sum>
inline __attribute__((always_inline)) void add_lanes(const std::uint32_t* trees, const std::uint8_t* answers,
                                                     Sum& sum) {
  constexpr std::size_t leaves = std::size_t{1} << Depth;
  constexpr std::size_t stride = question_words(Depth) + leaves;
  std::uint32_t place[Lanes];
  for (int i = 0; i < Lanes; ++i) place[i] = 1;
  for (int level = 0; level < Depth; ++level) {
    for (int i = 0; i < Lanes; ++i) {
      std::uint16_t question;
      std::memcpy(&question, reinterpret_cast<const char*>(trees + i * stride) + 2 * place[i], 2);
      place[i] = 2 * place[i] + answers[question];
    }
  }
  for (int i = 0; i < Lanes; ++i) {
    float leaf;
    std::memcpy(&leaf, trees + i * stride + question_words(Depth) - leaves + place[i], sizeof leaf);
    sum += static_cast<Sum>(leaf);
  }
}

}  // namespace

HeapTrees::HeapTrees(int depth, std::size_t trees)
    : depth_(depth), stride_(tree_bytes(depth) / sizeof(std::uint32_t)), words_(trees * stride_) {}

std::size_t HeapTrees::tree_bytes(int depth) {
  return (question_words(depth) + (std::size_t{1} << depth)) * sizeof(std::uint32_t);
}

void HeapTrees::set_question(std::size_t tree, std::uint32_t place, std::uint16_t question) {
  std::memcpy(reinterpret_cast<char*>(words_.data() + tree * stride_) + 2 * place, &question,
              sizeof question);
}

void HeapTrees::set_leaf(std::size_t tree, std::uint32_t leaf, float value) {
  std::memcpy(&words_[tree * stride_ + question_words(depth_) + leaf], &value, sizeof value);
}

std::uint16_t HeapTrees::question(std::size_t tree, std::uint32_t place) const {
  std::uint16_t question;
  std::memcpy(&question, reinterpret_cast<const char*>(tree_at(tree)) + 2 * place, sizeof question);
  return question;
}

template <int Depth, class Sum>
void HeapTrees::add_of_depth(const std::uint8_t* answers, std::size_t first, std::size_t last,
                             Sum& sum) const {
  const std::uint32_t* tree = tree_at(first);
  std::size_t left = last - first;
  for (; left >= 16; left -= 16, tree += 16 * stride_) add_lanes<Depth, 16>(tree, answers, sum);
  if (left & 8) add_lanes<Depth, 8>(tree, answers, sum), tree += 8 * stride_;
  if (left & 4) add_lanes<Depth, 4>(tree, answers, sum), tree += 4 * stride_;
  if (left & 2) add_lanes<Depth, 2>(tree, answers, sum), tree += 2 * stride_;
  if (left & 1) add_lanes<Depth, 1>(tree, answers, sum);
}

template <class Sum>
void HeapTrees::add(const std::uint8_t* answers, std::size_t first, std::size_t last, Sum& sum) const {
  switch (depth_) {  // a constant depth lets the compiler unroll the walk
    case 0: return add_of_depth<0>(answers, first, last, sum);
    case 1: return add_of_depth<1>(answers, first, last, sum);
    case 2: return add_of_depth<2>(answers, first, last, sum);
    case 3: return add_of_depth<3>(answers, first, last, sum);
    case 4: return add_of_depth<4>(answers, first, last, sum);
    case 5: return add_of_depth<5>(answers, first, last, sum);
    default: return add_of_depth<kMostDepth>(answers, first, last, sum);
  }
}

template <int Depth, class Sum>
void HeapTrees::add_lowest_of_depth(const std::uint32_t* tree, const std::uint64_t* left, std::size_t count,
                                    Sum& sum) {
  constexpr std::size_t stride = question_words(Depth) + (std::size_t{1} << Depth);
  const std::uint32_t* leaves = tree + question_words(Depth);
  Sum total = sum;
  auto add = [&](std::size_t i) {
    float leaf;
    std::memcpy(&leaf, leaves + i * stride + __builtin_ctzll(left[i]), sizeof leaf);
    total += static_cast<Sum>(leaf);
  };
  for (; count >= 8; count -= 8, leaves += 8 * stride, left += 8) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < 8; ++i) add(i);
  }
  for (std::size_t i = 0; i < count; ++i) add(i);
  sum = total;
}

template <class Sum>
void HeapTrees::add_lowest(const std::uint64_t* left, std::size_t first, std::size_t count, Sum& sum) const {
  switch (depth_) {
    case 4: return add_lowest_of_depth<4>(tree_at(first), left, count, sum);
    case 5: return add_lowest_of_depth<5>(tree_at(first), left, count, sum);
    default: return add_lowest_of_depth<kMostDepth>(tree_at(first), left, count, sum);
  }
}

template <class Sum>
void HeapTrees::add_leaves(std::size_t tree, const std::uint16_t* numbers, std::size_t rows,
                           Sum* sums) const {
  const std::uint32_t* leaves = tree_at(tree) + question_words(depth_);
  for (std::size_t r = 0; r < rows; ++r) {
    float leaf;
    std::memcpy(&leaf, leaves + numbers[r], sizeof leaf);
    sums[r] += static_cast<Sum>(leaf);
  }
}

template void HeapTrees::add(const std::uint8_t*, std::size_t, std::size_t, float&) const;
template void HeapTrees::add(const std::uint8_t*, std::size_t, std::size_t, double&) const;
template void HeapTrees::add_lowest(const std::uint64_t*, std::size_t, std::size_t, float&) const;
template void HeapTrees::add_lowest(const std::uint64_t*, std::size_t, std::size_t, double&) const;
template void HeapTrees::add_leaves(std::size_t, const std::uint16_t*, std::size_t, float*) const;
template void HeapTrees::add_leaves(std::size_t, const std::uint16_t*, std::size_t, double*) const;

}  // namespace mojo
