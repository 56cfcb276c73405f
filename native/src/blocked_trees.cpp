#include "blocked_trees.hpp"

#include <bit>

#include "huge_pages.hpp"

namespace mojo {

BlockedTrees::BlockedTrees(int depth, std::size_t trees)
    : top_depth_(depth - kBottomDepth), tops_(trees << top_depth_) {
  reserve_in_huge_pages(bottoms_, trees << top_depth_);
  bottoms_.resize(trees << top_depth_);
}

std::size_t BlockedTrees::tree_bytes(int depth) {
  return (sizeof(std::uint16_t) + sizeof(Bottom)) << (depth - kBottomDepth);
}

std::size_t BlockedTrees::nbytes() const {
  return tops_.capacity() * sizeof(std::uint16_t) + bottoms_.capacity() * sizeof(Bottom);
}

void BlockedTrees::set_question(std::size_t tree, std::uint32_t place, std::uint16_t question) {
  int level = std::bit_width(place) - 1;
  if (level < top_depth_) {
    tops_[(tree << top_depth_) + place] = question;
    return;
  }
  int below = level - top_depth_;
  std::uint32_t block = (place >> below) - (1U << top_depth_);
  std::uint32_t inside = (place & ((1U << below) - 1)) | 1U << below;
  bottoms_[(tree << top_depth_) + block].questions[inside] = question;
}

void BlockedTrees::set_leaf(std::size_t tree, std::uint32_t leaf, float value) {
  bottoms_[(tree << top_depth_) + (leaf >> kBottomDepth)].leaves[leaf & 15] = value;
}

template <int Top, int Lanes>
inline __attribute__((always_inline)) void BlockedTrees::enter_bottoms(const std::uint8_t* answers,
                                                                       std::size_t tree,
                                                                       const Bottom** entered) const {
  const std::uint16_t* tops = tops_.data() + (tree << Top);
  std::size_t place[Lanes];  // 64 bits: no step needs to widen it
  for (int i = 0; i < Lanes; ++i) place[i] = 1;
  for (int level = 0; level < Top; ++level) {
    for (int i = 0; i < Lanes; ++i)
      place[i] = 2 * place[i] + answers[tops[(static_cast<std::size_t>(i) << Top) + place[i]]];
  }
  const Bottom* bottoms = bottoms_.data() + (tree << Top);
  for (int i = 0; i < Lanes; ++i) {
    const Bottom* bottom = bottoms + (static_cast<std::size_t>(i) << Top) + place[i] - (1U << Top);
    __builtin_prefetch(bottom);
    __builtin_prefetch(reinterpret_cast<const char*>(bottom) + sizeof(Bottom) - 1);
    entered[i] = bottom;
  }
}

template <int Lanes, class Sum>
inline __attribute__((always_inline)) void BlockedTrees::add_lanes(const Word* answers,
                                                                   const Bottom* const* entered, Sum& sum) {
  std::size_t place[Lanes];
  for (int i = 0; i < Lanes; ++i) place[i] = 1;
  for (int level = 0; level < kBottomDepth; ++level) {
    for (int i = 0; i < Lanes; ++i) {
      std::size_t question = entered[i]->questions[place[i]];
      place[i] = 2 * place[i] + (answers[question / 64] >> question % 64 & 1);
    }
  }
  for (int i = 0; i < Lanes; ++i) sum += static_cast<Sum>(entered[i]->leaves[place[i] - 16]);
}

// Eight trees at a time; their bottoms wait two such groups for their lines. Four bottoms at a time, since
// eight places and eight blocks do not fit the registers.
template <int Top, class Sum>
void BlockedTrees::add_of_depth(const Answers& answers, std::size_t first, std::size_t last, Sum& sum) const {
  constexpr std::size_t lanes = 8;
  constexpr std::size_t wait = 2;
  const Bottom* entered[4][lanes];
  std::size_t groups = (last - first) / lanes;
  Sum total = sum;
  for (std::size_t g = 0; g < groups + wait; ++g) {
    if (g < groups) enter_bottoms<Top, lanes>(answers.top, first + g * lanes, entered[g % 4]);
    if (g < wait) continue;
    const Bottom* const* ready = entered[(g - wait) % 4];
    if (g - wait >= groups) continue;
    add_lanes<4>(answers.bottom, ready, total);
    add_lanes<4>(answers.bottom, ready + 4, total);
  }
  for (std::size_t tree = first + groups * lanes; tree < last; ++tree) {
    enter_bottoms<Top, 1>(answers.top, tree, entered[0]);
    add_lanes<1>(answers.bottom, entered[0], total);
  }
  sum = total;
}

template <class Sum>
void BlockedTrees::add(const Answers& answers, std::size_t first, std::size_t last, Sum& sum) const {
  switch (top_depth_) {
    case 3: return add_of_depth<3>(answers, first, last, sum);
    case 4: return add_of_depth<4>(answers, first, last, sum);
    case 5: return add_of_depth<5>(answers, first, last, sum);
    default: return add_of_depth<kMostDepth - kBottomDepth>(answers, first, last, sum);
  }
}

void BlockedTrees::fetch_leaves(std::size_t tree) const {
  const auto* bottoms = reinterpret_cast<const char*>(&bottoms_[tree << top_depth_]);
  for (std::size_t at = 0; at < sizeof(Bottom) << top_depth_; at += 64) __builtin_prefetch(bottoms + at);
}

template <class Sum>
void BlockedTrees::add_leaves(std::size_t tree, const std::uint16_t* numbers, std::size_t rows,
                              Sum* sums) const {
  const float* leaves = bottoms_[tree << top_depth_].leaves;
  constexpr std::size_t between = (sizeof(Bottom) - sizeof(Bottom::leaves)) / sizeof(float);
  for (std::size_t r = 0; r < rows; ++r) {
    std::size_t number = numbers[r];
    sums[r] += static_cast<Sum>(leaves[number + (number >> kBottomDepth) * between]);
  }
}

template void BlockedTrees::add(const Answers&, std::size_t, std::size_t, float&) const;
template void BlockedTrees::add(const Answers&, std::size_t, std::size_t, double&) const;
template void BlockedTrees::add_leaves(std::size_t, const std::uint16_t*, std::size_t, float*) const;
template void BlockedTrees::add_leaves(std::size_t, const std::uint16_t*, std::size_t, double*) const;

}  // namespace mojo
