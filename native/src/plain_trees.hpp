// Trees as they were decoded, compared node by node: the layout for forests whose questions hardly repeat (a
// few deep trees), where answering all of them first would cost more than it saves.
#pragma once

#include <cstddef>
#include <vector>

#include "forest.hpp"

namespace mojo {

class PlainTrees {
 public:
  PlainTrees() = default;
  // `trees` refer to `forests`.
  PlainTrees(std::vector<Forest> forests, TreesByClass trees)
      : forests_(std::move(forests)), trees_(std::move(trees)) {}

  std::size_t nbytes() const;

  // Adds to sums[c] the leaves of class c in their order.
  template <class Sum>
  void add(const double* row, Sum* sums) const;

 private:
  std::vector<Forest> forests_;
  TreesByClass trees_;
};

}  // namespace mojo
