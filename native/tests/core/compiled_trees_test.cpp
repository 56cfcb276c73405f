// Random forests, odd nodes included, in every layout: each sum must have the bits of a plain walk.
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "compiled_trees.hpp"

namespace mojo {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::size_t kColumns = 9;
constexpr std::int64_t kLevels[kColumns] = {kNoDomain, 20, 0, 100, 3, kNoDomain, 64, 1, 1500};

class RandomForest {
 public:
  explicit RandomForest(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return random_() % n; }
  bool chance(int percent) { return static_cast<int>(below(100)) < percent; }

  float number() {
    switch (below(24)) {
      case 0: return std::numeric_limits<float>::quiet_NaN();
      case 1: return -kInfinity;
      case 2: return kInfinity;
      case 3: return -0.0F;
      case 4: return std::numeric_limits<float>::denorm_min();
      case 5: return std::numeric_limits<float>::max();
      default: return static_cast<float>(below(distinct)) / 4 - 5;
    }
  }

  double value(std::size_t column) {
    switch (below(30)) {
      case 0: return std::numeric_limits<double>::quiet_NaN();
      case 1: return -std::numeric_limits<double>::infinity();
      case 2: return std::numeric_limits<double>::infinity();
      case 3: return 1e300;
      case 4: return -1.5;
      case 5: return std::nextafter(static_cast<double>(number()), -1e9);
      case 6: return std::nextafter(static_cast<double>(number()), 1e9);
      case 7: return 4294967297.0;
      case 8: return -0.5;
      default: break;
    }
    if (kLevels[column] == kNoDomain || chance(5)) return static_cast<double>(number());
    return static_cast<double>(below(static_cast<std::size_t>(kLevels[column]) + 3)) + (chance(5) ? 0.5 : 0);
  }

  void add_set(Node& node, Forest& forest) {
    node.kind = Node::level_set;
    auto first = static_cast<std::int32_t>(chance(50) ? 0 : below(70));
    auto count = static_cast<std::int32_t>(1 + below(chance(10) ? 1600 : 40));
    std::int64_t inside =
        std::max<std::int64_t>(0, std::min<std::int64_t>(count, kLevels[node.column] - first));
    node.set = static_cast<std::uint32_t>(forest.sets.size());
    forest.sets.push_back({forest.bits.size() * 8, first, static_cast<std::int32_t>(inside)});
    for (std::int64_t i = 0; i < (inside + 7) / 8; ++i)
      forest.bits.push_back(static_cast<std::uint8_t>(chance(60) ? below(4) : random_()));
  }

  void add_node(Forest& forest, std::size_t depth, int leaf_percent) {
    std::size_t at = forest.nodes.size();
    forest.nodes.emplace_back();
    Node node{};
    if (depth == 0 || chance(leaf_percent)) {
      node.value = chance(3) ? -0.0F : static_cast<float>(random_()) / 1e9F - 2;
      forest.nodes[at] = node;
      return;
    }
    node.column = static_cast<std::uint16_t>(below(columns));
    node.missing_left = chance(50);
    if (chance(3)) {
      node.kind = Node::missing_only;
      node.missing_left = false;
    } else if (kLevels[node.column] == kNoDomain ? chance(3) : chance(85)) {
      add_set(node, forest);
    } else {
      node.kind = kLevels[node.column] == kNoDomain ? Node::number : Node::number_of_level;
      node.value = number();
    }
    add_node(forest, depth - 1, leaf_percent);
    node.right = static_cast<std::uint32_t>(forest.nodes.size());
    forest.nodes[at] = node;
    add_node(forest, depth - 1, leaf_percent);
  }

  std::size_t distinct = 100;
  std::size_t columns = kColumns;  // that are asked about

 private:
  std::mt19937 random_;
};

struct Case {
  std::string name;
  std::size_t depth, trees, classes, distinct;
  int leaf_percent;
  std::size_t columns = kColumns;
};

template <class Sum>
bool same_bits(const std::vector<Sum>& a, const std::vector<Sum>& b) {
  using Bits = std::conditional_t<sizeof(Sum) == 4, std::uint32_t, std::uint64_t>;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<Bits>(a[i]) != std::bit_cast<Bits>(b[i])) return false;
  }
  return true;
}

template <class Sum>
bool check(const Case& with, unsigned seed) {
  RandomForest random(seed);
  random.distinct = with.distinct;
  random.columns = with.columns;
  // The plain walk needs forests of its own: the compiled trees keep theirs only in one of the layouts.
  std::vector<Forest> forests(2);
  for (Forest& forest : forests) forest.level_counts.assign(std::begin(kLevels), std::end(kLevels));
  TreesByClass trees(with.classes);
  for (std::size_t c = 0; c < with.classes; ++c) {
    for (std::size_t t = 0; t < with.trees; ++t) {
      Forest& forest = forests[t % 2];
      auto root = static_cast<std::uint32_t>(forest.nodes.size());
      random.add_node(forest, with.depth, with.leaf_percent);
      trees[c].push_back({&forest, root, static_cast<std::uint32_t>(forest.nodes.size())});
    }
  }
  const std::vector<Forest> plain = forests;

  constexpr std::size_t most_rows = 2000;
  std::vector<double> rows(most_rows * kColumns);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = random.value(i % kColumns);
  std::vector<Sum> wanted(most_rows * with.classes, Sum(-0.0));
  for (std::size_t r = 0; r < most_rows; ++r) {
    for (std::size_t c = 0; c < with.classes; ++c) {
      Sum& sum = wanted[r * with.classes + c];
      for (const Tree& tree : trees[c])
        sum += static_cast<Sum>(
            plain[tree.forest == &forests[0] ? 0 : 1].leaf_of(tree.root, &rows[r * kColumns]));
    }
  }

  CompiledTrees compiled(std::move(forests), std::move(trees));
  Scratch scratch;
  compiled.prepare(scratch);
  std::vector<Sum> got(wanted.size(), Sum(-0.0));
  for (std::size_t r = 0; r < most_rows; ++r)
    compiled.add(&rows[r * kColumns], &got[r * with.classes], scratch);
  if (!same_bits(wanted, got)) {
    std::fprintf(stderr, "%s, seed %u: a row alone differs\n", with.name.c_str(), seed);
    return false;
  }
  for (std::size_t count :
       {1, 15, 16, 17, 143, 144, 207, 208, 255, 256, 257, 399, 400, 463, 464, 511, 512, 513, 2000}) {
    std::vector<Sum> some(count * with.classes, Sum(-0.0));
    compiled.add_rows({rows.data(), kColumns, count}, some.data(), with.classes, scratch);
    if (!same_bits({wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(some.size())}, some)) {
      std::fprintf(stderr, "%s, seed %u: %zu rows differ\n", with.name.c_str(), seed, count);
      return false;
    }
  }
  std::printf("%-28s %s %9zu bytes\n", with.name.c_str(), sizeof(Sum) == 4 ? "float " : "double",
              compiled.nbytes());
  return true;
}

}  // namespace
}  // namespace mojo

int main() {
  const mojo::Case cases[] = {
      {"single leaves", 0, 3, 2, 10, 0},
      {"single leaves of two halves", 0, 70, 1, 10, 0},
      {"stumps", 1, 40, 1, 10, 0},
      {"heaps", 6, 61, 1, 60, 3},
      {"heaps of three classes", 5, 20, 3, 300, 10},
      {"few questions", 3, 33, 1, 4, 0},
      {"masks of two columns", 4, 70, 1, 60, 3, 2},
      {"masks of five columns", 5, 61, 1, 300, 5, 5},
      {"masks of six columns", 6, 100, 1, 60, 2, 6},
      {"masks of three classes", 6, 13, 3, 60, 20, 6},
      {"too many masks", 6, 304, 1, 700, 0, 1},
      {"blocks of seven levels", 7, 30, 1, 60, 2},
      {"blocks of eight levels", 8, 21, 2, 400, 2},
      {"blocks of nine levels", 9, 17, 1, 60, 1},
      {"blocks of ten levels", 10, 25, 1, 100000, 0},
      {"several runs", 10, 150, 2, 10000000, 0},
      {"halves that share a run", 8, 40, 2, 60, 1},
      {"sparse trees", 10, 30, 1, 60, 30},
      {"deep trees", 24, 60, 2, 30, 42},
      {"hardly repeated questions", 13, 4, 2, 10000000, 1},
  };
  bool good = true;
  for (unsigned seed = 1; seed <= 3; ++seed) {
    for (const mojo::Case& one : cases) {
      if (seed > 1 && one.trees > 100) continue;
      good = mojo::check<double>(one, seed) && good;
      good = mojo::check<float>(one, seed) && good;
    }
  }
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
