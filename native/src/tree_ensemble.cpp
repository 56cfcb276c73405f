#include "tree_ensemble.hpp"

#include <algorithm>
#include <cstdio>
#include <future>
#include <iterator>

#include "tree_decoder.hpp"

namespace mojo {
namespace {

constexpr std::size_t kNodeBytes = 8;  // of a node in the file, about
constexpr std::size_t kFewTrees = 64;  // not worth a second thread

struct Wanted {
  std::size_t of_class;
  std::string name;
};

// The trees first .. last - 1 of the list.
std::vector<Tree> decode(const ModelSource& source, const std::vector<Wanted>& list, std::size_t first,
                         std::size_t last, Forest& forest) {
  TreeVersion version = tree_version(source.info);
  std::vector<Tree> trees;
  std::uint64_t size = 0;
  for (std::size_t i = first; i < last; ++i) size += source.size_of(list[i].name);
  forest.nodes.reserve(size / kNodeBytes);  // growing by doubling would be the peak of a load
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = first; i < last; ++i) {
    source.read(list[i].name, bytes);
    std::uint32_t root = decode_tree(bytes, source, source.prefix + list[i].name, version, forest);
    trees.push_back({&forest, root, static_cast<std::uint32_t>(forest.nodes.size())});
  }
  return trees;
}

}  // namespace

std::string tree_name(std::size_t of_class, std::size_t group, const char* ending) {
  char name[64];
  std::snprintf(name, sizeof name, "trees/t%02zu_%03zu%s", of_class, group, ending);
  return name;
}

Forest make_forest(const ModelInfo& info) {
  bool heeded = tree_version(info) == TreeVersion::current;  // earlier files do not look at the domain
  Forest forest;
  for (std::size_t i = 0; i < info.n_features; ++i) {
    const std::optional<Domain>& domain = info.domains[i];
    forest.level_counts.push_back(domain && heeded ? static_cast<std::int64_t>(domain->size()) : kNoDomain);
  }
  return forest;
}

std::size_t read_trees_per_group(const ModelInfo& info, std::size_t otherwise) {
  if (!info.values.find("n_trees_per_class")) return otherwise;
  std::size_t per_group = info.values.count("n_trees_per_class", 1,
                                            static_cast<std::int64_t>(std::max(otherwise, info.n_classes)));
  if (per_group != 1 && per_group != info.n_classes)
    throw FormatError("model.ini: n_trees_per_class is neither 1 nor n_classes");
  return per_group;
}

TreeEnsemble TreeEnsemble::read(const ModelSource& source, std::size_t trees_per_group) {
  const ModelInfo& info = source.info;
  auto most = static_cast<std::size_t>(source.limits.trees);
  std::size_t groups = info.values.count("n_trees", 0, source.limits.trees);
  if (groups * trees_per_group > most) {
    throw FormatError("model.ini: " + std::to_string(groups) + " times " + std::to_string(trees_per_group) +
                      " trees, the limit is " + std::to_string(most));
  }
  std::vector<Wanted> list;
  std::vector<bool> seen(groups);
  std::size_t entries = 0;
  for (std::size_t c = 0; c < trees_per_group; ++c) {
    for (std::size_t g = 0; g < groups; ++g) {
      std::string name = tree_name(c, g, ".bin");
      std::string aux = tree_name(c, g, "_aux.bin");
      if (source.contains(aux)) ++entries;
      if (!source.contains(name)) {  // a class without training rows has no trees
        if (source.contains(aux))
          throw FormatError(source.prefix + name + " is missing, " + aux + " is there");
        continue;
      }
      list.push_back({c, std::move(name)});
      seen[g] = true;
    }
  }
  for (std::size_t g = 0; g < groups; ++g) {
    if (!seen[g]) throw FormatError(source.prefix + tree_name(0, g, ".bin") + " is missing");
  }

  entries += list.size();
  std::size_t there = source.archive.names_below(source.prefix + "trees/").size();
  if (there != entries) {  // trees that are left out would be another answer
    throw FormatError(source.prefix + "trees/ has " + std::to_string(there) + " entries, " +
                      std::to_string(entries) + " belong to " + std::to_string(groups) + " times " +
                      std::to_string(trees_per_group) + " trees");
  }

  // Each half is read by a thread of its own: inflating is most of a load.
  std::vector<Forest> forests(2, make_forest(info));
  std::size_t half = list.size() < kFewTrees ? list.size() : list.size() / 2;
  auto policy = half < list.size() ? std::launch::async : std::launch::deferred;
  std::future<std::vector<Tree>> second =
      std::async(policy, [&] { return decode(source, list, half, list.size(), forests[1]); });
  std::vector<Tree> trees = decode(source, list, 0, half, forests[0]);
  std::ranges::copy(second.get(), std::back_inserter(trees));

  TreesByClass by_class(trees_per_group);
  for (std::size_t i = 0; i < list.size(); ++i) by_class[list[i].of_class].push_back(trees[i]);
  TreeEnsemble ensemble;
  ensemble.classes_ = trees_per_group;
  ensemble.groups_ = groups;
  ensemble.trees_ = CompiledTrees(std::move(forests), std::move(by_class));
  return ensemble;
}

void TreeEnsemble::prepare(Scratch& scratch) const { trees_.prepare(scratch); }

void TreeEnsemble::sum(const double* row, double* sums, Scratch& scratch) const {
  std::fill_n(sums, classes_, 0.0);
  trees_.add(row, sums, scratch);
}

void TreeEnsemble::sum_rows(const RowBlock& rows, double* sums, std::size_t stride, Scratch& scratch) const {
  for (std::size_t i = 0; i < rows.count; ++i) std::fill_n(sums + i * stride, classes_, 0.0);
  trees_.add_rows(rows, sums, stride, scratch);
}

}  // namespace mojo
