#include "rule_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "nested_models.hpp"
#include "tree_rule.hpp"

namespace mojo {
namespace {

// A rule with what it means to the linear model.
struct RatedRule {
  TreeRule rule;
  std::optional<double> level;  // NaN where the column does not have it, none where there is no such column
};

using RuleGroup = std::vector<RatedRule>;  // of one tree, for several classes of one class: one column

class RuleFit final : public Scorer {
 public:
  std::size_t width() const override { return linear->scorer().width(); }
  std::size_t nbytes() const override {
    std::size_t bytes = nbytes_of(models) + places.capacity() * sizeof(std::size_t);
    for (const RuleGroup& group : groups) {
      for (const RatedRule& rated : group) bytes += rated.rule.nbytes() + sizeof(rated.level);
    }
    return bytes;
  }

  // The values by their order, then the linear model's row.
  void prepare(Scratch& scratch) const override {
    scratch.doubles.resize(groups.size() + features + linear->n_features());
    scratch.parts.resize(1);
    linear->scorer().prepare(scratch.parts[0]);
  }

  void score(const double* row, double, double* preds, Scratch& scratch) const override {
    double* values = scratch.doubles.data();
    double* linear_row = values + groups.size() + features;
    for (std::size_t g = 0; g < groups.size(); ++g) values[g] = apply(groups[g], row);
    if (with_row) std::copy_n(row, features, values + groups.size());
    std::fill_n(linear_row, linear->n_features(), 0.0);
    for (std::size_t i = 0; i < places.size(); ++i) linear_row[places[i]] = values[i];
    linear->scorer().score(linear_row, 0, preds, scratch.parts[0]);
  }

  std::vector<std::string> deviations() const override { return noted; }

  NestedModels models;
  const Model* linear = nullptr;
  std::vector<RuleGroup> groups;
  bool with_row = false;  // the row's own values follow the rules'
  std::size_t features = 0;
  std::vector<std::size_t> places;  // column of the linear model of each value
  std::vector<std::string> noted;

 private:
  // The last rule that holds decides.
  static double apply(const RuleGroup& group, const double* row) {
    double level = std::numeric_limits<double>::quiet_NaN();
    for (const RatedRule& rated : group) {
      if (!rated.rule.holds(row)) continue;
      if (!rated.level) throw RowError("rule " + rated.rule.name + ": the linear model has no column for it");
      level = *rated.level;
    }
    return level;
  }
};

class RuleFitReader {
 public:
  explicit RuleFitReader(const ModelSource& source) : info_(source.info), source_(source) {}

  std::unique_ptr<Scorer> read() {
    info_.require_version(1.00, 1.00);
    model_->models = read_nested_models(source_);
    model_->features = info_.n_features;
    model_->linear = &find_nested(model_->models, info_.values, "linear_model");
    const ModelInfo& linear = model_->linear->info();
    if (linear.is_classifier() != info_.is_classifier() || linear.n_classes != info_.n_classes)
      throw FormatError("model.ini: the linear model is of category " + linear.category);
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    std::int64_t type = info_.values.count("model_type", -most, most);
    model_->with_row = type == 0 || type == 1;
    if (type != 0) read_rules();
    read_places();
    return std::move(model_);
  }

 private:
  // Java counts the classes by the response's levels.
  std::vector<std::string> classes() const {
    if (!info_.response_domain() || info_.response_domain()->size() <= 2) return {};
    return info_.response_domain()->strings();
  }

  void read_rules() {
    // Every tree needs a key of its own, so the file bounds the loops.
    std::int64_t depth = info_.values.count("depth", 0, source_.limits.trees);
    std::int64_t trees = info_.values.count("ntrees", 0, source_.limits.trees);
    note_shared_suffixes();
    for (std::int64_t i = 0; i < depth; ++i) {
      for (std::int64_t j = 0; j < trees; ++j) read_tree(i, j);
    }
  }

  void read_tree(std::int64_t i, std::int64_t j) {
    std::string tree = "M" + std::to_string(i) + "T" + std::to_string(j);
    std::int64_t count = info_.values.count("num_rules_" + tree, 0, std::numeric_limits<std::int32_t>::max());
    std::vector<TreeRule> rules;
    for (std::int64_t k = 0; k < count; ++k) {
      std::string id = std::to_string(i) + "_" + std::to_string(j) + "_" + std::to_string(k);
      rules.push_back(read_tree_rule(info_.values, id, info_.n_features));
    }
    std::vector<std::string> labels = classes();
    if (labels.empty()) add_group(rules, "");
    for (std::size_t c = 0; c < labels.size(); ++c) {
      std::vector<TreeRule> of_class;
      std::copy_if(rules.begin(), rules.end(), std::back_inserter(of_class),
                   [&](const TreeRule& rule) { return rule.name.ends_with(labels[c]); });
      if (of_class.empty())
        throw FormatError("model.ini: tree " + tree + " has no rules for class " + labels[c]);
      add_group(of_class, "C" + std::to_string(c));
    }
  }

  void add_group(const std::vector<TreeRule>& rules, const std::string& suffix) {
    RuleGroup group;
    for (const TreeRule& rule : rules) group.push_back({rule, rate(rule.name, suffix)});
    model_->groups.push_back(std::move(group));
  }

  std::optional<double> rate(const std::string& name, const std::string& suffix) const {
    std::size_t node = name.find('N');
    if (node == name.npos) throw FormatError("model.ini: a rule is called " + name);
    const ModelInfo& linear = model_->linear->info();
    auto column = std::find(linear.columns.begin(), linear.columns.end(), name.substr(0, node) + suffix);
    if (column == linear.columns.end()) return std::nullopt;
    const std::optional<Domain>& domain =
        linear.domains[static_cast<std::size_t>(column - linear.columns.begin())];
    if (!domain) return std::nullopt;
    auto level = std::find(domain->begin(), domain->end(), name);
    if (level == domain->end()) return std::numeric_limits<double>::quiet_NaN();
    return static_cast<double>(level - domain->begin());
  }

  void read_places() {
    const ModelInfo& linear = model_->linear->info();
    std::size_t values = model_->groups.size() + (model_->with_row ? model_->features : 0);
    std::int64_t count = info_.values.count("linear_names_len", 0, source_.limits.columns);
    if (values < linear.n_features || count < static_cast<std::int64_t>(linear.n_features)) {
      throw FormatError("model.ini: the linear model has " + std::to_string(linear.n_features) +
                        " columns, the rules and columns make " + std::to_string(values) + " with " +
                        std::to_string(count) + " names");
    }
    auto end = linear.columns.begin() + static_cast<std::ptrdiff_t>(linear.n_features);
    for (std::size_t i = 0; i < linear.n_features; ++i) {
      const std::string& name = info_.values.text("linear_names_" + std::to_string(i));
      auto column = std::find(linear.columns.begin(), end, name);
      if (column == end) throw FormatError("model.ini: the linear model has no column " + name);
      model_->places.push_back(static_cast<std::size_t>(column - linear.columns.begin()));
    }
  }

  // Rules belong to the class whose label ends their name: with labels such as 1 and 11 to several.
  void note_shared_suffixes() {
    for (const std::string& longer : classes()) {
      for (const std::string& label : classes()) {
        if (longer != label && longer.ends_with(label))
          model_->noted.push_back("rules of class " + longer + " also count for class " + label);
      }
    }
  }

  const ModelInfo& info_;
  const ModelSource& source_;
  std::unique_ptr<RuleFit> model_ = std::make_unique<RuleFit>();
};

}  // namespace

std::unique_ptr<Scorer> read_rule_fit(const ModelSource& source) { return RuleFitReader(source).read(); }

}  // namespace mojo
