// Trees of GBM as flat nodes: the left child is the next node, the right child is named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace mojo {

// The level count of a column without a domain: more than any int, so that +Infinity is no missing level.
constexpr std::int64_t kNoDomain = std::numeric_limits<std::int64_t>::max();

struct Node {
  enum Kind : std::uint8_t {
    leaf,             // `value` is the prediction
    number,           // right when the value is >= `value`
    number_of_level,  // the same on a categorical column: a level outside the domain counts as missing
    level_set,        // right when the level is in set `set`; a level outside its range counts as missing
    missing_only,     // right when missing, left otherwise
  };

  union {
    float value;
    std::uint32_t set;
  };
  std::uint32_t right = 0;
  std::uint16_t column = 0;
  Kind kind = leaf;
  bool missing_left = false;
};
static_assert(sizeof(Node) == 12);

// Levels first .. first + count - 1; level first + i is a member when bit i from `bit` on is set.
struct LevelSet {
  std::uint64_t bit = 0;
  std::int32_t first = 0;
  std::int32_t count = 0;
};

struct Forest {
  std::vector<Node> nodes;
  std::vector<LevelSet> sets;
  std::vector<std::uint8_t> bits;
  std::vector<std::int64_t> level_counts;  // per column, or kNoDomain

  // Where the row goes from node `at`; a leaf keeps it. The definition of every answer the other layouts
  // give.
  std::uint32_t next(std::uint32_t at, const double* row) const;
  // The prediction of the tree that starts at node `root`.
  float leaf_of(std::uint32_t root, const double* row) const;
  std::size_t nbytes() const;
  void shrink();
};

// One tree: nodes root .. end - 1 of its forest.
struct Tree {
  const Forest* forest;
  std::uint32_t root;
  std::uint32_t end;

  std::size_t size() const { return end - root; }
};

// The trees of each class, in their order.
using TreesByClass = std::vector<std::vector<Tree>>;

}  // namespace mojo
