#include "pipeline.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "nested_models.hpp"

namespace mojo {
namespace {

using Sources = std::vector<std::uint32_t>;  // pipeline column of each feature

struct Output {
  std::size_t pred;     // index into the member's preds
  std::size_t feature;  // of the main model
};

struct Member {
  std::unique_ptr<Model> model;
  Sources sources;
  std::vector<Output> outputs;
};

constexpr std::uint32_t kGenerated = std::numeric_limits<std::uint32_t>::max();

class PipelineScorer final : public Scorer {
 public:
  std::size_t width() const override { return main.model->scorer().width(); }

  std::size_t nbytes() const override {
    std::size_t bytes = main.model->nbytes();
    for (const Member& member : members) bytes += member.model->nbytes();
    return bytes;
  }

  bool iterates() const override {
    auto one = [](const Member& member) { return member.model->scorer().iterates(); };
    return one(main) || std::ranges::any_of(members, one);
  }

  // parts: the main model, then the members; `doubles` of each holds its row, then its preds.
  void prepare(Scratch& scratch) const override {
    scratch.parts.resize(2 * (1 + members.size()));
    prepare_member(main, scratch.parts[0], scratch.parts[1]);
    for (std::size_t i = 0; i < members.size(); ++i)
      prepare_member(members[i], scratch.parts[2 * i + 2], scratch.parts[2 * i + 3]);
  }

  void score(const double* row, double, double* preds, Scratch& scratch) const override {
    main.model->scorer().score(fill_main_row(row, scratch), 0, preds, scratch.parts[1]);
  }

  // The explanations of the main model, in its own columns.
  std::unique_ptr<Explainer> explainer(const ModelSource& source) const override;

  // The row that the main model takes; it lies in `scratch`.
  const double* fill_main_row(const double* row, Scratch& scratch) const {
    double* main_row = scratch.parts[0].doubles.data();
    gather(main.sources, row, main_row);
    for (std::size_t i = 0; i < members.size(); ++i) {
      const Member& member = members[i];
      double* member_row = scratch.parts[2 * i + 2].doubles.data();
      double* member_preds = member_row + member.sources.size();
      gather(member.sources, row, member_row);
      member.model->scorer().score(member_row, 0, member_preds, scratch.parts[2 * i + 3]);
      for (Output output : member.outputs) main_row[output.feature] = member_preds[output.pred];
    }
    return main_row;
  }

  std::vector<std::string> value_names() const override { return main.model->scorer().value_names(); }
  std::vector<std::string> deviations() const override {
    std::vector<std::string> all = main.model->scorer().deviations();
    for (const Member& member : members) {
      for (const std::string& one : member.model->scorer().deviations())
        all.push_back("inside " + member.model->algorithm() + ": " + one);
    }
    return all;
  }

  Member main;
  std::vector<Member> members;

 private:
  static void prepare_member(const Member& member, Scratch& own, Scratch& inner) {
    own.doubles.resize(member.sources.size() + member.model->scorer().width());
    member.model->scorer().prepare(inner);
  }

  static void gather(const Sources& sources, const double* row, double* out) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (sources[i] != kGenerated) out[i] = row[sources[i]];
    }
  }
};

class PipelineExplainer final : public Explainer {
 public:
  PipelineExplainer(const PipelineScorer& pipeline, std::unique_ptr<Explainer> main)
      : pipeline_(pipeline), main_(std::move(main)) {}

  std::vector<std::string> contribution_names() const override { return main_->contribution_names(); }
  std::vector<std::string> tree_names() const override { return main_->tree_names(); }
  std::vector<std::string> stage_names() const override { return main_->stage_names(); }
  bool has_leaf_ids() const override { return main_->has_leaf_ids(); }

  void contribute(const double* row, float* out) const override {
    ask(row, [&](const double* main_row) { main_->contribute(main_row, out); });
  }
  void find_leaves(const double* row, LeafPlace* out) const override {
    ask(row, [&](const double* main_row) { main_->find_leaves(main_row, out); });
  }
  void predict_stages(const double* row, double* out) const override {
    ask(row, [&](const double* main_row) { main_->predict_stages(main_row, out); });
  }

 private:
  template <class Question>
  void ask(const double* row, Question question) const {
    Scratch scratch;
    pipeline_.prepare(scratch);
    question(pipeline_.fill_main_row(row, scratch));
  }

  const PipelineScorer& pipeline_;
  std::unique_ptr<Explainer> main_;
};

std::unique_ptr<Explainer> PipelineScorer::explainer(const ModelSource& source) const {
  const InfoValues& values = source.info.values;
  std::string main_key = values.text("main_model");
  std::string prefix = source.prefix;
  for (std::size_t i = 0; i <= members.size(); ++i) {
    if (values.text("submodel_key_" + std::to_string(i)) == main_key)
      prefix += values.text("submodel_dir_" + std::to_string(i));
  }
  ModelInfo info = read_model_info(source.archive, prefix, source.limits);
  const ModelInfo& known = main.model->info();
  if (info.uuid != known.uuid || info.columns != known.columns || info.n_features != known.n_features)
    throw FormatError("the file's main model is another one now than was loaded");
  std::unique_ptr<Explainer> of_main =
      main.model->scorer().explainer({source.archive, prefix, info, source.limits, source.depth + 1});
  return of_main ? std::make_unique<PipelineExplainer>(*this, std::move(of_main)) : nullptr;
}

class PipelineReader {
 public:
  explicit PipelineReader(const ModelSource& source) : source_(source), info_(source.info) {
    for (std::size_t i = 0; i < info_.n_features; ++i)
      column_of_[info_.columns[i]] = static_cast<std::uint32_t>(i);
  }

  Pipeline read() {
    info_.require_version(1.00, 1.00);
    read_members();
    const std::string& main_key = info_.values.text("main_model");
    if (!members_.contains(main_key))
      throw FormatError("model.ini: main_model " + main_key + " is none of the sub-models");
    auto scorer = std::make_unique<PipelineScorer>();
    scorer->main = std::move(members_[main_key]);
    members_.erase(main_key);
    check_main(scorer->main.model->info());
    find_sources(scorer->main, read_generated(scorer->main.model->info()));
    for (auto& [key, member] : members_) {
      find_sources(member, {});
      scorer->members.push_back(std::move(member));
    }
    std::string algorithm = scorer->main.model->main_algorithm();
    return {std::move(scorer), std::move(algorithm)};
  }

 private:
  void read_members() {
    for (auto& [key, model] : read_nested_models(source_)) members_[key].model = std::move(model);
  }

  // Which features of the main model come from other models; fills the members' outputs.
  std::vector<bool> read_generated(const ModelInfo& main) {
    std::vector<bool> generated(main.n_features);
    std::int64_t count =
        info_.values.count("generated_column_count", 0, static_cast<std::int64_t>(main.n_features));
    for (std::int64_t j = 0; j < count; ++j) {
      std::string number = std::to_string(j);
      const std::string& name = info_.values.text("generated_column_name_" + number);
      const std::string& key = info_.values.text("generated_column_model_" + number);
      auto member = members_.find(key);
      if (member == members_.end())
        throw FormatError("model.ini: column " + name + " is made by unknown model " + key);
      auto width = static_cast<std::int64_t>(member->second.model->scorer().width());
      std::size_t pred = info_.values.count("generated_column_index_" + number, 0, width - 1);
      auto end = main.columns.begin() + static_cast<std::ptrdiff_t>(main.n_features);
      auto column = std::find(main.columns.begin(), end, name);
      if (column == end)
        throw FormatError("model.ini: generated column " + name + " is no feature of the main model");
      auto feature = static_cast<std::size_t>(column - main.columns.begin());
      if (generated[feature]) throw FormatError("model.ini: column " + name + " is generated twice");
      generated[feature] = true;
      member->second.outputs.push_back({pred, feature});
    }
    return generated;
  }

  void find_sources(Member& member, const std::vector<bool>& generated) const {
    const ModelInfo& info = member.model->info();
    for (std::size_t i = 0; i < info.n_features; ++i) {
      if (!generated.empty() && generated[i]) {
        member.sources.push_back(kGenerated);
        continue;
      }
      auto column = column_of_.find(info.columns[i]);
      if (column == column_of_.end())
        throw FormatError("model.ini: pipeline has no column " + info.columns[i]);
      // Level indices pass through unchanged, so the levels must be the same.
      if (info_.domains[column->second] != info.domains[i]) {
        throw FormatError("model.ini: column " + info.columns[i] +
                          " has other levels in the pipeline than in " + info.algorithm);
      }
      member.sources.push_back(column->second);
    }
  }

  void check_main(const ModelInfo& main) const {
    if (main.category != info_.category || main.n_classes != info_.n_classes ||
        main.response_domain() != info_.response_domain()) {
      throw FormatError("model.ini: the pipeline describes another main model than the one it holds");
    }
  }

  const ModelSource& source_;
  const ModelInfo& info_;
  std::map<std::string, std::uint32_t> column_of_;
  std::map<std::string, Member> members_;
};

}  // namespace

Pipeline read_pipeline(const ModelSource& source) { return PipelineReader(source).read(); }

}  // namespace mojo
