#include "forest.hpp"

#include <cmath>

#include "java_numbers.hpp"

namespace mojo {

std::uint32_t Forest::next(std::uint32_t at, const double* row) const {
  const Node& node = nodes[at];
  if (node.kind == Node::leaf) return at;
  double value = row[node.column];
  bool missing = std::isnan(value);
  bool right = false;
  switch (node.kind) {
    case Node::number: right = value >= static_cast<double>(node.value); break;
    case Node::number_of_level:
      missing = missing || to_int(value) >= level_counts[node.column];
      right = value >= static_cast<double>(node.value);
      break;
    case Node::level_set: {
      const LevelSet& set = sets[node.set];
      std::int64_t member = std::int64_t{to_int(value)} - set.first;
      missing = missing || member < 0 || member >= set.count;
      if (!missing) {
        std::uint64_t bit = set.bit + static_cast<std::uint64_t>(member);
        right = bits[bit >> 3] >> (bit & 7) & 1;
      }
      break;
    }
    default:  // missing_only
      missing = missing || to_int(value) >= level_counts[node.column];
  }
  if (missing) right = !node.missing_left;
  return right ? node.right : at + 1;
}

float Forest::leaf_of(std::uint32_t root, const double* row) const {
  std::uint32_t at = root;
  while (nodes[at].kind != Node::leaf) at = next(at, row);
  return nodes[at].value;
}

void Forest::shrink() {
  nodes.shrink_to_fit();
  sets.shrink_to_fit();
  bits.shrink_to_fit();
}

std::size_t Forest::nbytes() const {
  return nodes.capacity() * sizeof(Node) + sets.capacity() * sizeof(LevelSet) + bits.capacity() +
         level_counts.capacity() * sizeof(std::int64_t);
}

}  // namespace mojo
