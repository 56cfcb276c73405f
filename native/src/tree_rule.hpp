// Rules of RuleFit: a path of a tree, as conditions on a row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model_info.hpp"

namespace mojo {

struct Condition {
  enum class Test { below, not_below, among, never };

  std::size_t feature;
  Test test;
  bool missing_holds;
  double threshold;
  std::vector<std::int32_t> levels;

  bool holds(const double* row) const;
};

struct TreeRule {
  std::string name;  // such as M0T1N7: model, tree, node
  std::vector<Condition> conditions;

  bool holds(const double* row) const;
  std::size_t nbytes() const;
};

// Reads the rule with that id, such as 0_1_5. Throws FormatError.
TreeRule read_tree_rule(const InfoValues& values, const std::string& id, std::size_t features);

}  // namespace mojo
