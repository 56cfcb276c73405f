#include "plain_trees.hpp"

#include <algorithm>
#include <array>

namespace mojo {

std::size_t PlainTrees::nbytes() const {
  std::size_t bytes = 0;
  for (const Forest& forest : forests_) bytes += forest.nbytes();
  for (const std::vector<Tree>& of_class : trees_) bytes += of_class.capacity() * sizeof(Tree);
  return bytes;
}

// Several trees in step: while one waits for memory, the others go on.
template <class Sum>
void PlainTrees::add(const double* row, Sum* sums) const {
  constexpr std::size_t most = 16;
  std::array<std::uint32_t, most> at;
  for (std::size_t c = 0; c < trees_.size(); ++c) {
    for (std::size_t first = 0; first < trees_[c].size(); first += most) {
      const Tree* trees = &trees_[c][first];
      std::size_t lanes = std::min(most, trees_[c].size() - first);
      for (std::size_t i = 0; i < lanes; ++i) at[i] = trees[i].root;
      for (bool walking = true; walking;) {
        walking = false;
        for (std::size_t i = 0; i < lanes; ++i) {
          std::uint32_t next = trees[i].forest->next(at[i], row);
          walking |= next != at[i];
          at[i] = next;
        }
      }
      for (std::size_t i = 0; i < lanes; ++i)
        sums[c] += static_cast<Sum>(trees[i].forest->nodes[at[i]].value);
    }
  }
}

template void PlainTrees::add(const double*, float*) const;
template void PlainTrees::add(const double*, double*) const;

}  // namespace mojo
