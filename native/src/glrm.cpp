#include "glrm.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "double_blob.hpp"
#include "glrm_loss.hpp"
#include "glrm_regularizer.hpp"
#include "java_numbers.hpp"
#include "permutation.hpp"
#include "text_values.hpp"

namespace mojo {
namespace {

constexpr int kIterations = 100;
constexpr int kSteps = 10;  // sizes tried per iteration: 0.5, 0.25, ...
constexpr double kLeastGain = 1e-10;

// Searches the weights x for which x times the archetypes comes nearest to the row.
class Glrm final : public Scorer {
 public:
  std::size_t width() const override { return rank; }
  std::size_t nbytes() const override {
    return (archetypes.capacity() + 2 * sub.capacity() + permutation.capacity()) * sizeof(double);
  }
  bool iterates() const override { return true; }
  std::vector<std::string> value_names() const override {
    std::vector<std::string> names;
    for (std::size_t i = 1; i <= rank; ++i) names.push_back("Arch" + std::to_string(i));
    return names;
  }
  std::vector<std::string> deviations() const override {
    std::vector<std::string> all = {
        "each row starts its search from the model's seed, as genmodel's first row after loading does; "
        "genmodel counts rows, so its second one gets other archetypes, and H2O's own X is a third answer"};
    if (!levels.empty()) {
      all.push_back(
          "a missing or unseen level makes genmodel read the archetypes of the columns behind it at a shifted "
          "place; this is copied");
    }
    return all;
  }

  // The row, then x, the gradient, a step, a candidate, the best one, room to sort; then one block of levels
  // twice.
  void prepare(Scratch& scratch) const override {
    std::int64_t most = levels.empty() ? 0 : *std::max_element(levels.begin(), levels.end());
    scratch.doubles.resize(permutation.size() + 6 * rank + 2 * static_cast<std::size_t>(most));
  }

  void score(const double* row, double, double* preds, Scratch& scratch) const override {
    double* at = scratch.doubles.data();
    arrange(row, at);
    const double* target = at;
    at += permutation.size();
    auto take = [&] {
      std::span<double> part(at, rank);
      at += rank;
      return part;
    };
    std::span<double> x = take(), slope = take(), step = take(), candidate = take(), best = take(),
                      room = take();

    JavaRandom random(seed);
    for (double& weight : x) weight = random.next_gaussian();
    project(regularizer, x, random, candidate, room);
    double before = objective(x, target, at);
    for (int i = 0; i < kIterations; ++i) {
      double reached = 0;
      if (before != 0) {
        gradient(x, target, slope, at);
        double scale = before > 10 ? 1 / before : 1;
        reached = std::numeric_limits<double>::max();
        std::fill(best.begin(), best.end(), 0.0);
        double size = 1;
        for (int tried = 0; tried < kSteps; ++tried) {
          size *= 0.5;
          double alpha = size * scale;
          for (std::size_t k = 0; k < rank; ++k) step[k] = x[k] - alpha * slope[k];
          approach(regularizer, step, alpha * gamma, random, candidate, room);
          double value = objective(candidate, target, at);
          if (reached > value) {
            std::copy(candidate.begin(), candidate.end(), best.begin());
            reached = value;
          }
          if (value == 0) break;
        }
        if (reached < before) std::copy(best.begin(), best.end(), x.begin());
      }
      double gain = 1 - reached / before;
      if (gain < kLeastGain) break;  // not for NaN
      before = reached;
    }
    std::copy(x.begin(), x.end(), preds);
  }

  std::size_t rank = 0;
  std::int64_t seed = 0;
  GlrmRegularizer regularizer = GlrmRegularizer::none;
  double gamma = 0;
  std::vector<std::int64_t> permutation;  // categorical columns, then numbers
  std::vector<std::int64_t> levels;       // per categorical column
  std::vector<GlrmLoss> losses;           // per column
  std::vector<double> sub, mul;           // per number
  std::vector<double> archetypes;         // one row of `expanded` values each
  std::size_t expanded = 0;

 private:
  // Throws RowError for a level below 0, which only a bare matrix can hold.
  void arrange(const double* row, double* target) const {
    for (std::size_t j = 0; j < permutation.size(); ++j) {
      double value = row[permutation[j]];
      if (j < levels.size()) {
        if (value >= static_cast<double>(levels[j])) value = std::numeric_limits<double>::quiet_NaN();
        if (to_int(value) < 0)
          throw RowError("categorical column " + std::to_string(permutation[j]) + " holds " +
                         std::to_string(value));
      }
      target[j] = value;
    }
  }

  double scaled(const double* target, std::size_t j) const {
    return (target[j] - sub[j - levels.size()]) * mul[j - levels.size()];
  }

  // x times column `column` of the archetypes.
  double product(std::span<const double> x, std::size_t column) const {
    double sum = 0;
    for (std::size_t k = 0; k < rank; ++k) sum += x[k] * archetypes[k * expanded + column];
    return sum;
  }

  // A missing level does not advance the column: genmodel's slip, see deviations().
  double objective(std::span<const double> x, const double* target, double* block) const {
    double sum = 0;
    std::size_t column = 0;
    for (std::size_t j = 0; j < levels.size(); ++j) {
      if (std::isnan(target[j])) continue;
      int count = static_cast<int>(levels[j]);
      for (int level = 0; level < count; ++level) block[level] = product(x, column + level);
      sum += loss_of_levels(losses[j], block, to_int(target[j]), count);
      column += count;
    }
    for (std::size_t j = levels.size(); j < permutation.size(); ++j) {
      if (!std::isnan(target[j]))
        sum += loss_of(losses[j], product(x, column + j - levels.size()), scaled(target, j));
    }
    return sum + gamma * penalty(regularizer, x);
  }

  void gradient(std::span<const double> x, const double* target, std::span<double> slope,
                double* block) const {
    std::fill(slope.begin(), slope.end(), 0.0);
    std::size_t column = 0;
    for (std::size_t j = 0; j < levels.size(); ++j) {
      if (std::isnan(target[j])) continue;
      int count = static_cast<int>(levels[j]);
      double* slopes = block + count;
      for (int level = 0; level < count; ++level) block[level] = product(x, column + level);
      slopes_of_levels(losses[j], block, to_int(target[j]), count, slopes);
      for (std::size_t k = 0; k < rank; ++k) {
        for (int level = 0; level < count; ++level)
          slope[k] += slopes[level] * archetypes[k * expanded + column + level];
      }
      column += count;
    }
    for (std::size_t j = levels.size(); j < permutation.size(); ++j) {
      if (std::isnan(target[j])) continue;
      std::size_t of_number = column + j - levels.size();
      double times = slope_of(losses[j], product(x, of_number), scaled(target, j));
      for (std::size_t k = 0; k < rank; ++k) slope[k] += times * archetypes[k * expanded + of_number];
    }
  }
};

std::vector<GlrmLoss> read_losses(const ModelSource& source, std::size_t columns, std::size_t categories) {
  std::string text = source.archive.read_text(source.prefix + "losses");
  std::vector<GlrmLoss> losses;
  for (std::string_view line : split_lines(text)) {
    if (losses.size() == columns) throw FormatError("losses: more lines than columns");
    losses.push_back(parse_glrm_loss(std::string(trim(line))));
    if (is_for_levels(losses.back()) != (losses.size() <= categories)) {
      throw FormatError("losses: " + std::string(trim(line)) + " does not suit column " +
                        std::to_string(losses.size() - 1));
    }
  }
  if (losses.size() != columns) throw FormatError("losses: fewer lines than columns");
  return losses;
}

void read_levels(const ModelSource& source, std::size_t categories, std::size_t columns, Glrm& model) {
  model.levels = source.info.values.integers("num_levels_per_category");
  if (model.levels.size() < categories || model.levels.size() > columns)
    throw FormatError("model.ini: num_levels_per_category does not have an entry per category");
  model.levels.resize(categories);
  for (std::int64_t count : model.levels) {
    if (count < 1 || count > std::numeric_limits<std::int32_t>::max())
      throw FormatError("model.ini: num_levels_per_category holds " + std::to_string(count));
  }
}

}  // namespace

std::unique_ptr<Scorer> read_glrm(const ModelSource& source) {
  const ModelInfo& info = source.info;
  info.require_version(1.10, 1.10);  // 1.00 has no seed: genmodel starts it from the clock
  const InfoValues& values = info.values;
  auto features = static_cast<std::int64_t>(info.n_features);
  auto model = std::make_unique<Glrm>();
  std::size_t categories = values.count("num_categories", 0, features);
  std::size_t numbers = values.count("num_numeric", 0, features);
  if (numbers == 0)
    throw UnsupportedError("a GLRM of categorical columns only is not supported: genmodel cannot load it");
  if (categories + numbers != info.n_features || values.count("ncolA", 0, features) != features)
    throw FormatError("model.ini: num_categories, num_numeric and ncolA do not suit n_features");
  model->permutation = values.integers("cols_permutation", info.n_features);
  check_permutation("cols_permutation", model->permutation, info.n_features);
  read_levels(source, categories, info.n_features, *model);
  model->losses = read_losses(source, info.n_features, categories);
  model->sub = values.numbers("norm_sub", numbers);
  model->mul = values.numbers("norm_mul", numbers);
  model->seed = values.count("seed", std::numeric_limits<std::int64_t>::min(),
                             std::numeric_limits<std::int64_t>::max());
  model->regularizer = parse_glrm_regularizer(values.text("regularizationX"));
  model->gamma = values.number("gammaX");

  std::int64_t expanded = static_cast<std::int64_t>(numbers);
  for (std::int64_t count : model->levels) expanded += count;
  model->expanded = values.count("ncolY", expanded, expanded);
  model->rank = values.count("ncolX", 1, std::numeric_limits<std::int32_t>::max());
  if (values.count("nrowY", 1, std::numeric_limits<std::int32_t>::max()) !=
      static_cast<std::int64_t>(model->rank))
    throw FormatError("model.ini: nrowY is not ncolX");
  model->archetypes = read_doubles(source, "archetypes", model->rank, model->expanded);
  return model;
}

}  // namespace mojo
