// The compressed trees of a model and their sums per class: what GBM and its relatives share.
#pragma once

#include <cstdint>
#include <vector>

#include "compiled_trees.hpp"
#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

class TreeEnsemble {
 public:
  // `groups` rounds of one tree per class. Throws FormatError.
  static TreeEnsemble read(const ModelSource& source, std::size_t trees_per_group);

  std::size_t classes() const { return classes_; }
  std::size_t groups() const { return groups_; }
  std::size_t nbytes() const { return trees_.nbytes(); }

  // sums[c] becomes the sum of class c's trees, added in double in their order. `scratch` was prepared.
  void prepare(Scratch& scratch) const;
  void sum(const double* row, double* sums, Scratch& scratch) const;
  // The same for several rows; those of row i start at sums[i * stride].
  void sum_rows(const RowBlock& rows, double* sums, std::size_t stride, Scratch& scratch) const;

 private:
  CompiledTrees trees_;
  std::size_t classes_ = 0;
  std::size_t groups_ = 0;
};

// An empty forest that knows the columns of a model.
Forest make_forest(const ModelInfo& info);

// `trees/tCC_GGG` and the ending.
std::string tree_name(std::size_t of_class, std::size_t group, const char* ending);

// `n_trees_per_class` of model.ini, or `otherwise` in files that do not say. Throws FormatError.
std::size_t read_trees_per_group(const ModelInfo& info, std::size_t otherwise);

}  // namespace mojo
