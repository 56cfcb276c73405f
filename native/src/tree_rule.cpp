#include "tree_rule.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mojo {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();

// The keys' spellings are H2O's.
Condition read_condition(const InfoValues& values, const std::string& id, std::size_t features) {
  Condition condition{};
  condition.feature = static_cast<std::size_t>(
      values.count("feature_index_" + id, 0, static_cast<std::int64_t>(features) - 1));
  condition.missing_holds = values.flag("nas_included_" + id, false);
  std::int64_t comparison = values.count("operator_" + id, -kMost, kMost);
  if (values.count("type_" + id, -kMost, kMost) == 0) {
    condition.test = Condition::Test::among;
    std::int64_t count = values.count("cat_treshold_length_" + id, 0, kMost);
    for (std::int64_t i = 0; i < count; ++i) {
      std::string key = "cat_treshold_length_" + std::to_string(i) + "_" + id;
      condition.levels.push_back(static_cast<std::int32_t>(values.count(key, -kMost, kMost)));
    }
  } else {
    condition.threshold = values.number("num_treshold" + id);
    condition.test = comparison == 0   ? Condition::Test::below
                     : comparison == 1 ? Condition::Test::not_below
                                       : Condition::Test::never;
  }
  return condition;
}

}  // namespace

bool Condition::holds(const double* row) const {
  double value = row[feature];
  if (std::isnan(value)) return missing_holds;
  switch (test) {
    case Test::below: return value < threshold;
    case Test::not_below: return value >= threshold;
    case Test::among:
      return std::any_of(levels.begin(), levels.end(),
                         [value](std::int32_t level) { return level == value; });
    case Test::never: break;
  }
  return false;
}

bool TreeRule::holds(const double* row) const {
  return std::all_of(conditions.begin(), conditions.end(),
                     [row](const Condition& condition) { return condition.holds(row); });
}

std::size_t TreeRule::nbytes() const {
  std::size_t bytes = sizeof(TreeRule) + name.capacity() + conditions.capacity() * sizeof(Condition);
  for (const Condition& condition : conditions) bytes += condition.levels.capacity() * sizeof(std::int32_t);
  return bytes;
}

TreeRule read_tree_rule(const InfoValues& values, const std::string& id, std::size_t features) {
  TreeRule rule;
  rule.name = values.text("var_name_rule_id_" + id);
  std::int64_t count = values.count("num_conditions_rule_id_" + id, 0, kMost);
  for (std::int64_t i = 0; i < count; ++i)
    rule.conditions.push_back(read_condition(values, std::to_string(i) + "_" + id, features));
  return rule;
}

}  // namespace mojo
