#include "tree_ensemble.hpp"

#include <algorithm>
#include <cstdio>
#include <limits>

#include "tree_decoder.hpp"

namespace mojo {
namespace {

std::string tree_name(std::size_t of_class, std::size_t group) {
  char name[64];
  std::snprintf(name, sizeof name, "trees/t%02zu_%03zu.bin", of_class, group);
  return name;
}

}  // namespace

std::size_t read_trees_per_group(const ModelInfo& info, std::size_t otherwise) {
  if (!info.values.find("n_trees_per_class")) return otherwise;
  std::size_t per_group = info.values.count("n_trees_per_class", 1,
                                            static_cast<std::int64_t>(std::max(otherwise, info.n_classes)));
  if (per_group != 1 && per_group != info.n_classes)
    throw FormatError("model.ini: n_trees_per_class is neither 1 nor n_classes");
  return per_group;
}

TreeEnsemble TreeEnsemble::read(const ModelSource& source, std::size_t trees_per_group) {
  TreeEnsemble ensemble;
  const ModelInfo& info = source.info;
  auto most = static_cast<std::size_t>(source.limits.trees);
  std::size_t groups = info.values.count("n_trees", 0, source.limits.trees);
  if (groups * trees_per_group > most) {
    throw FormatError("model.ini: " + std::to_string(groups) + " times " + std::to_string(trees_per_group) +
                      " trees, the limit is " + std::to_string(most));
  }
  for (std::size_t i = 0; i < info.n_features; ++i) {
    constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();
    const std::optional<Domain>& domain = info.domains[i];
    ensemble.forest_.level_counts.push_back(domain ? static_cast<std::int64_t>(domain->size()) : none);
  }
  ensemble.groups_ = groups;
  ensemble.roots_.resize(trees_per_group);
  std::vector<bool> seen(groups);
  std::vector<std::uint8_t> bytes;
  for (std::size_t c = 0; c < trees_per_group; ++c) {
    for (std::size_t g = 0; g < groups; ++g) {
      std::string name = tree_name(c, g);
      if (!source.contains(name)) continue;  // a class without training rows has no trees
      source.read(name, bytes);
      ensemble.roots_[c].push_back(
          decode_tree(bytes, info.n_features, source.prefix + name, ensemble.forest_));
      seen[g] = true;
    }
  }
  for (std::size_t g = 0; g < groups; ++g) {
    if (!seen[g]) throw FormatError(source.prefix + tree_name(0, g) + " is missing");
  }
  ensemble.forest_.nodes.shrink_to_fit();
  ensemble.forest_.sets.shrink_to_fit();
  ensemble.forest_.bits.shrink_to_fit();
  return ensemble;
}

std::size_t TreeEnsemble::nbytes() const {
  std::size_t bytes = forest_.nbytes();
  for (const std::vector<std::uint32_t>& of_class : roots_)
    bytes += of_class.capacity() * sizeof(std::uint32_t);
  return bytes;
}

void TreeEnsemble::prepare(Scratch&) const {}

void TreeEnsemble::sum_rows(const RowBlock& rows, double* sums, std::size_t stride, Scratch& scratch) const {
  for (std::size_t i = 0; i < rows.count; ++i) sum(rows.row(i), sums + i * stride, scratch);
}

void TreeEnsemble::sum(const double* row, double* sums, Scratch&) const {
  for (std::size_t c = 0; c < roots_.size(); ++c) {
    double sum = 0;
    for (std::uint32_t root : roots_[c]) sum += static_cast<double>(forest_.leaf_of(root, row));
    sums[c] = sum;
  }
}

}  // namespace mojo
