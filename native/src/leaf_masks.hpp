// Small trees without a walk: a bit for each leaf of a tree, and which of them a row may still reach by what
// it says in one column. Of the leaves that all columns leave, the leftmost is the row's (QuickScorer,
// Lucchese et al. 2015, whose masks are merged here by column: as many ANDs as columns instead of as many as
// splits).
//
// Eight trees share a line of masks, which is a line of the cache. The lines of a row are known before any of
// them is read, so nothing waits for memory.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "condition_table.hpp"
#include "heap_trees.hpp"
#include "kernels.hpp"

namespace mojo {

class LeafMasks {
 public:
  static constexpr std::size_t kMostRuns = 24;

  LeafMasks() = default;
  // Empty where walking is faster, or the masks would take more than `most_bytes` or too much of the cache.
  LeafMasks(const HeapTrees& trees, const ConditionTable& table, std::size_t most_bytes);

  bool empty() const { return lines_.empty(); }
  std::size_t nbytes() const;

  // What a row says: for each run of questions the lines of all groups of trees.
  using Places = std::array<const std::uint16_t*, kMostRuns>;
  Places find(const double* row, const ConditionTable& table) const;

  // Adds the leaves of trees first .. last - 1 in their order.
  template <class Sum>
  void add(const Places& places, const HeapTrees& trees, std::size_t first, std::size_t last, Sum& sum) const;

 private:
  static constexpr std::size_t kAtOnce = kMaskTrees * kMaskGroups;  // trees whose leaves are found together

  struct Split {
    std::uint32_t question;
    std::uint32_t tree;  // of its group
    Word leaves;         // that are left where the answer is yes
  };
  struct alignas(64) Line {
    std::array<Word, kMaskTrees> masks;

    auto operator<=>(const Line&) const = default;
  };

  void lay_out(std::vector<Split>& splits, const ConditionTable& table, std::size_t run, std::size_t group);
  std::uint16_t append(const Line& line);

  std::size_t groups_ = 0;
  std::vector<Line> lines_;            // the first leaves everything
  std::vector<std::size_t> starts_;    // of each run
  std::vector<std::uint16_t> places_;  // line by run, state and group
};

}  // namespace mojo
