// The trees of a model in the layout that scores them fastest, and their sums.
#pragma once

#include <cstddef>
#include <variant>
#include <vector>

#include "bit_slices.hpp"
#include "blocked_trees.hpp"
#include "condition_table.hpp"
#include "forest.hpp"
#include "general_trees.hpp"
#include "heap_trees.hpp"
#include "leaf_masks.hpp"
#include "plain_trees.hpp"
#include "scorer.hpp"

namespace mojo {

class CompiledTrees {
 public:
  CompiledTrees() = default;
  // `trees` refer to `forests`, which are kept only where their plain layout is the best one.
  CompiledTrees(std::vector<Forest> forests, TreesByClass trees);

  std::size_t nbytes() const;
  void prepare(Scratch& scratch) const;

  // Adds to sums[c] the leaves of class c in the order of its trees, in the arithmetic of Sum: float or
  // double.
  template <class Sum>
  void add(const double* row, Sum* sums, Scratch& scratch) const;
  // The same for several rows; the sums of row i start at sums[i * stride].
  template <class Sum>
  void add_rows(const RowBlock& rows, Sum* sums, std::size_t stride, Scratch& scratch) const;

 private:
  // Trees with one table of questions. Heaps number them with 16 bits, so large forests need several.
  struct Run {
    struct Segment {
      std::size_t of_class;
      std::size_t first, last;  // trees of the layout
    };

    ConditionTable table;
    ConditionTable top_table;  // of the upper levels of blocked trees
    std::variant<HeapTrees, BlockedTrees, GeneralTrees> layout;
    LeafMasks masks;  // of heaps
    BitSlices slices;
    std::vector<Segment> segments;

    std::size_t nbytes() const;
    template <class Sum>
    void add(const double* row, Sum* sums, Scratch& scratch) const;
    template <class Sum>
    void add_pass(BitSlices::Pass& pass, Sum* sums, std::size_t stride) const;
  };

  class Builder;

  std::vector<Run> runs_;
  PlainTrees plain_;  // in use when there are no runs
};

}  // namespace mojo
