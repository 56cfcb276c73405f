#include "gam.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "byte_reader.hpp"
#include "double_blob.hpp"
#include "gam_spline.hpp"
#include "glm_link.hpp"
#include "java_math.hpp"
#include "java_numbers.hpp"
#include "level_blocks.hpp"
#include "text_values.hpp"

namespace mojo {
namespace {

enum class Kind { binary, plain, multinomial, ordinal };
enum class Basis { cubic = 0, thin_plate = 1, integrated = 2, monotone = 3 };

constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMostOrder = 16;     // the recursion doubles with each
constexpr std::int64_t kMostExponent = 64;  // of a polynomial, and m

struct Term {
  std::unique_ptr<GamSpline> spline;
  std::vector<std::size_t> predictors;  // places in the row
  std::size_t first_cell = 0;
};

Kind parse_kind(const std::string& family) {
  for (const char* name : {"bernoulli", "fractionalbinomial", "quasibinomial"}) {
    if (family == name) return Kind::binary;
  }
  for (const char* name : {"gaussian", "poisson", "gamma", "tweedie", "negativebinomial"}) {
    if (family == name) return Kind::plain;
  }
  if (family == "multinomial") return Kind::multinomial;
  if (family == "ordinal") return Kind::ordinal;
  throw UnsupportedError("GAM family " + family + " is not supported");
}

class Gam final : public Scorer {
 public:
  std::size_t width() const override { return kind == Kind::plain ? 1 : classes + 1; }
  std::size_t nbytes() const override {
    std::size_t bytes = (beta.capacity() + modes.capacity() + means.capacity()) * sizeof(double);
    for (const Term& term : terms) bytes += term.spline->nbytes();
    return bytes;
  }
  std::vector<std::string> added_columns() const override { return added; }
  std::vector<std::string> deviations() const override { return strays; }

  // The row, the predictors of a term, then what its spline works in.
  void prepare(Scratch& scratch) const override {
    std::size_t predictors = 0, room = 0, cells = 0;
    for (const Term& term : terms) {
      predictors = std::max(predictors, term.predictors.size());
      room = std::max(room, term.spline->room());
      cells = std::max(cells, term.spline->cells());
    }
    scratch.doubles.resize(features + predictors + room + cells);
  }

  void score(const double* given, double, double* preds, Scratch& scratch) const override {
    double* row = scratch.doubles.data();
    std::copy_n(given, features, row);
    bool expanded =
        std::any_of(row + first_cell, row + features, [](double cell) { return !std::isnan(cell); });
    if (!expanded) {
      for (const Term& term : terms) expand(term, given, row);
    }
    if (imputes) fill_gaps(row);
    switch (kind) {
      case Kind::plain: preds[0] = mean_of(link, eta_of(0, row), tweedie_power); break;
      case Kind::binary: {
        double mean = mean_of(link, eta_of(0, row), tweedie_power);
        preds[0] = mean >= threshold ? 1 : 0;
        preds[1] = 1 - mean;
        preds[2] = mean;
        break;
      }
      case Kind::multinomial:
        for (std::size_t c = 0; c < classes; ++c) preds[c + 1] = eta_of(c, row);
        share_classes({preds, classes + 1});
        break;
      case Kind::ordinal: score_ordinal(row, preds);
    }
  }

  Kind kind = Kind::plain;
  GlmLink link = GlmLink::identity;
  double tweedie_power = 0;
  double threshold = 0.5;
  std::size_t classes = 1;
  std::size_t features = 0;  // of model.ini: categories, numbers, cells of the terms
  std::size_t first_cell = 0;
  std::size_t categories = 0;
  bool all_levels = false;
  bool imputes = false;
  std::vector<double> modes, means;
  std::vector<std::int64_t> offsets;  // one-hot cells of the categorical columns
  std::vector<double> beta;           // per class: cells, numbers, intercept
  std::size_t per_class = 0;
  std::vector<Term> terms;
  std::vector<std::string> added;   // predictors of the terms that are no features themselves
  std::vector<std::string> strays;  // what is not as it should be

 private:
  void expand(const Term& term, const double* given, double* row) const {
    double* x = row + features;
    for (std::size_t i = 0; i < term.predictors.size(); ++i) {
      x[i] = given[term.predictors[i]];
      if (std::isnan(x[i])) return;
    }
    double* cells = x + term.predictors.size();
    term.spline->expand(x, cells, cells + term.spline->cells());
    if (term.first_cell + term.spline->cells() > features)
      throw RowError("genmodel has no room for the cells of a smooth column");
    std::copy_n(cells, term.spline->cells(), row + term.first_cell);
  }

  void fill_gaps(double* row) const {
    for (std::size_t i = 0; i < categories; ++i) {
      if (std::isnan(row[i])) row[i] = modes[i];
    }
    for (std::size_t i = 0; i < means.size(); ++i) {
      if (std::isnan(row[categories + i])) row[categories + i] = means[i];
    }
  }

  double eta_of(std::size_t of_class, const double* row) const {
    const double* coefficients = &beta[of_class * per_class];
    double eta = 0;
    for (std::size_t i = 0; i < categories; ++i) {
      std::int64_t level = std::int64_t{to_int(row[i])} - (all_levels ? 0 : 1);
      if (level >= 0 && level < offsets[i + 1] - offsets[i]) eta += coefficients[offsets[i] + level];
    }
    const double* of_numbers = coefficients + offsets[categories];
    for (std::size_t i = categories; i < features; ++i) eta += of_numbers[i - categories] * row[i];
    return eta + coefficients[per_class - 1];
  }

  void score_ordinal(const double* row, double* preds) const {
    double before = 0;
    preds[0] = static_cast<double>(classes - 1);
    for (std::size_t c = classes - 1; c-- > 0;) {
      preds[c + 1] = eta_of(c, row);
      if (preds[c + 1] > 0) preds[0] = static_cast<double>(c);  // the first of them
    }
    for (std::size_t c = 0; c + 1 < classes; ++c) {
      double reached = 1 / (1 + java_exp(-preds[c + 1]));
      preds[c + 1] = reached - before;
      before = reached;
    }
    preds[classes] = 1 - before;
  }
};

// The parts of the file that describe the terms, one entry per term in each.
class TermReader {
 public:
  TermReader(const ModelSource& source, Gam& model)
      : source_(source), values_(source.info.values), model_(model) {}

  void read() {
    read_shapes();
    std::vector<std::string> names = read_names();
    read_tables();
    std::size_t place = model_.first_cell, name = 0, plates = 0;
    std::size_t integrated = 0, monotone = 0;
    for (std::size_t g = 0; g < bases_.size(); ++g) {
      Term term;
      term.first_cell = place;
      for (std::int64_t d = 0; d < dimensions_[g]; ++d)
        term.predictors.push_back(find_predictor(names[name++]));
      switch (bases_[g]) {
        case Basis::cubic:
          term.spline = make_cubic_spline(knots_[g].values, std::move(inverses_[g]), centers_[g]);
          break;
        case Basis::integrated:
          ++integrated;
          term.spline = make_integrated_spline(knots_[g].values, orders_[g]);
          break;
        case Basis::monotone:
          // genmodel counts these matrices among the M-splines, not among all terms.
          term.spline = make_monotone_spline(knots_[g].values, orders_[g], centers_[monotone++]);
          break;
        case Basis::thin_plate: term.spline = make_thin_plate(read_plate(g, plates++)); break;
      }
      // One cell less than knots, whatever the term fills: genmodel's rule.
      place += counts_[g] - 1;
      model_.terms.push_back(std::move(term));
    }
    name_deviations(integrated, monotone);
  }

 private:
  void read_shapes() {
    std::vector<std::int64_t> bases = values_.integers("bs_sorted");
    std::size_t terms = bases.size();
    if (terms == 0) throw FormatError("model.ini: bs_sorted is empty");
    std::vector<std::int64_t> dimensions = values_.integers("_d", terms);
    if (values_.integers("gam_column_dim_sorted", terms) != dimensions)
      throw FormatError("model.ini: gam_column_dim_sorted and _d differ");
    dimensions_ = dimensions;
    counts_ = values_.integers("num_knots_sorted", terms);
    constexpr Basis sorted[] = {Basis::cubic, Basis::integrated, Basis::monotone, Basis::thin_plate};
    const char* keys[] = {"num_CS_col", "num_IS_col", "num_MS_col", "num_TP_col"};
    for (int kind = 0; kind < 4; ++kind) {
      std::int64_t left = static_cast<std::int64_t>(terms - bases_.size());
      for (std::int64_t n = values_.count(keys[kind], 0, left); n > 0; --n) {
        if (bases[bases_.size()] != static_cast<std::int64_t>(sorted[kind]))
          throw FormatError("model.ini: bs_sorted and " + std::string(keys[kind]) + " differ");
        bases_.push_back(sorted[kind]);
      }
      if (kind == 0) plates_shift_ = bases_.size();
    }
    if (bases_.size() != terms)
      throw FormatError("model.ini: the numbers of columns do not add up to bs_sorted");
    bool ordered = std::any_of(bases_.begin(), bases_.end(), has_order);
    std::vector<std::int64_t> orders =
        ordered ? values_.integers("spline_orders_sorted", terms) : std::vector<std::int64_t>(terms, 1);
    for (std::size_t g = 0; g < terms; ++g) {
      check_range("num_knots_sorted", counts_[g], bases_[g] == Basis::cubic ? 3 : 2, kMost);
      check_range("_d", dimensions_[g], 1, bases_[g] == Basis::thin_plate ? kMostExponent : 1);
      if (has_order(bases_[g])) check_range("spline_orders_sorted", orders[g], 1, kMostOrder);
      orders_.push_back(static_cast<std::size_t>(orders[g]));
    }
  }

  static bool has_order(Basis basis) { return basis == Basis::integrated || basis == Basis::monotone; }

  static void check_range(const char* key, std::int64_t value, std::int64_t low, std::int64_t high) {
    if (value < low || value > high)
      throw FormatError("model.ini: " + std::string(key) + " holds " + std::to_string(value));
  }

  std::vector<std::string> read_names() const {
    std::vector<std::string> names;
    std::string text = source_.archive.read_text(source_.prefix + "gam_columns_sorted");
    if (!is_utf8(text)) throw FormatError("gam_columns_sorted is not UTF-8");
    for (std::string_view line : split_lines(text)) names.emplace_back(trim(line));
    std::int64_t wanted = 0;
    for (std::int64_t dimension : dimensions_) wanted += dimension;
    if (static_cast<std::int64_t>(names.size()) != wanted)
      throw FormatError("gam_columns_sorted has " + std::to_string(names.size()) + " lines, " +
                        std::to_string(wanted) + " are needed");
    return names;
  }

  // A predictor may be a feature too; otherwise the record must have it besides.
  std::size_t find_predictor(const std::string& name) {
    const std::vector<std::string>& columns = source_.info.columns;
    for (std::size_t i = 0; i < model_.first_cell; ++i) {
      if (columns[i] != name) continue;
      if (source_.info.domains[i]) throw FormatError("gam_columns_sorted: " + name + " has levels");
      return i;
    }
    auto known = std::find(model_.added.begin(), model_.added.end(), name);
    std::size_t place = model_.features + static_cast<std::size_t>(known - model_.added.begin());
    if (known == model_.added.end()) model_.added.push_back(name);
    return place;
  }

  void read_tables() {
    std::vector<Table> centers, knots, inverses;
    for (std::size_t g = 0; g < bases_.size(); ++g) {
      std::size_t count = counts_[g], splines = count + orders_[g] - 2;
      knots.push_back({static_cast<std::size_t>(dimensions_[g]), count, {}});
      switch (bases_[g]) {
        case Basis::cubic: inverses.push_back({count - 2, count, {}}); [[fallthrough]];
        case Basis::thin_plate: centers.push_back({count - 1, count, {}}); break;
        case Basis::integrated: centers.push_back({0, 0, {}}); break;
        case Basis::monotone: centers.push_back({splines - 1, splines, {}}); break;
      }
    }
    knots_ = fill("knots", std::move(knots));
    centers_ = fill("zTranspose", std::move(centers));
    if (!inverses.empty()) inverses_ = fill("_binvD", std::move(inverses));
    for (std::size_t g = 0; g < bases_.size(); ++g) {
      const std::vector<double>& values = knots_[g].values;
      bool ascend = std::adjacent_find(values.begin(), values.end(),
                                       [](double a, double b) { return !(a < b); }) == values.end();
      if (bases_[g] != Basis::thin_plate && !ascend) throw FormatError("knots do not ascend");
    }
  }

  // Tables of known shapes, one after the other in one entry.
  std::vector<Table> fill(const std::string& name, std::vector<Table> tables) const {
    std::uint64_t cells = 0;
    for (const Table& table : tables) {
      // Each shape alone stays below 2^62.
      std::uint64_t more = static_cast<std::uint64_t>(table.rows) * table.columns;
      if (more > static_cast<std::uint64_t>(kMost) - cells)
        throw FormatError("model.ini: the tables of " + name + " are larger than any file");
      cells += more;
    }
    std::vector<double> values = read_doubles(source_, name, 1, cells);
    auto next = values.begin();
    for (Table& table : tables) {
      auto end = next + static_cast<std::ptrdiff_t>(table.rows * table.columns);
      table.values.assign(next, end);
      next = end;
    }
    return tables;
  }

  ThinPlate read_plate(std::size_t g, std::size_t which) {
    if (which == 0) read_plates();
    ThinPlate plate;
    plate.predictors = static_cast<std::size_t>(dimensions_[g]);
    plate.smoothness = static_cast<int>(smoothness_[which]);
    plate.standardized = values_.flag("standardize", false);
    plate.knots = std::move(knots_[g]);
    plate.reduce = std::move(reduces_[which]);
    plate.center = centers_[g];
    plate.polynomials = std::move(polynomials_[which]);
    if (plate.reduce.columns != plate.knots.columns)
      throw FormatError("model.ini: num_knots_TP and num_knots_sorted differ");
    return plate;
  }

  void read_plates() {
    std::size_t first = bases_.size();
    while (first > 0 && bases_[first - 1] == Basis::thin_plate) --first;
    std::size_t plates = bases_.size() - first;
    smoothness_ = values_.integers("_m", plates);
    std::vector<std::int64_t> sizes = values_.integers("_M", plates);
    std::vector<std::int64_t> counts = values_.integers("num_knots_TP", plates);
    std::vector<Table> reduces;
    std::vector<std::uint8_t> bytes;
    source_.read("polynomialBasisList", bytes);
    ByteReader reader(bytes, "polynomialBasisList");
    for (std::size_t i = 0; i < plates; ++i) {
      check_range("_m", smoothness_[i], 1, kMostExponent);
      check_range("_M", sizes[i], 0, counts[i]);
      check_range("num_knots_TP", counts[i], 2, kMost);
      reduces.push_back(
          {static_cast<std::size_t>(counts[i] - sizes[i]), static_cast<std::size_t>(counts[i]), {}});
      // genmodel takes the dimension as if no I- or M-splines stood before.
      std::int64_t dimension = dimensions_[plates_shift_ + i];
      std::vector<std::vector<int>>& exponents = polynomials_.emplace_back();
      for (std::int64_t k = 0; k < sizes[i]; ++k) {
        exponents.emplace_back();
        for (std::int64_t d = 0; d < dimension; ++d) {
          exponents.back().push_back(static_cast<std::int32_t>(reader.big<std::uint32_t>()));
          check_range("polynomialBasisList", exponents.back().back(), 0, kMostExponent);
        }
      }
    }
    if (plates_shift_ == first && reader.left() > 0)
      throw FormatError("polynomialBasisList: " + std::to_string(reader.left()) + " bytes too many");
    reduces_ = fill("zTransposeCS", std::move(reduces));
  }

  void name_deviations(std::size_t integrated, std::size_t monotone) {
    std::vector<std::string>& strays = model_.strays;
    if (integrated + monotone > 0 && bases_.size() > 1) {
      strays.push_back(
          "beside other smooth columns genmodel puts the cells of I- and M-splines at other places than "
          "training did; this is copied, the predictions are not those of the H2O cluster");
      strays.push_back(
          "a predictor of a smooth column that is given as NaN counts as missing; genmodel tells the two apart");
    }
    if (monotone > 0 && bases_[0] != Basis::monotone) {
      strays.push_back(
          "genmodel centers M-splines with the matrix of another smooth column, or refuses the row where that "
          "is too small; this is copied");
    }
    bool plates = bases_.back() == Basis::thin_plate;
    if (plates && values_.flag("standardize", false))
      strays.push_back(
          "genmodel refuses every row that has the predictors of standardized thin plate columns");
  }

  const ModelSource& source_;
  const InfoValues& values_;
  Gam& model_;
  std::vector<Basis> bases_;
  std::vector<std::int64_t> dimensions_, counts_;
  std::vector<std::size_t> orders_;
  std::vector<Table> knots_, centers_, inverses_, reduces_;
  std::vector<std::int64_t> smoothness_;
  std::vector<std::vector<std::vector<int>>> polynomials_;
  std::size_t plates_shift_ = 0;
};

void read_shape(const ModelInfo& info, Gam& model) {
  const InfoValues& values = info.values;
  auto features = static_cast<std::int64_t>(info.n_features);
  model.features = info.n_features;
  model.first_cell = info.n_features - values.count("num_expanded_gam_columns_center", 1, features);
  model.categories = values.count("cats", 0, static_cast<std::int64_t>(model.first_cell));
  model.all_levels = values.flag("use_all_factor_levels", false);
  model.offsets = values.integers("cat_offsets");
  if (model.offsets.empty()) model.offsets = {0};
  if (model.offsets.size() != model.categories + 1)
    throw FormatError("model.ini: cat_offsets does not have cats + 1 entries");
  check_level_blocks("cat_offsets", model.offsets);
  model.imputes = values.flag("mean_imputation", false);
  if (model.imputes) {
    for (std::int64_t mode : values.integers("catNAFills", model.categories))
      model.modes.push_back(static_cast<double>(mode));
    model.means = values.numbers("numNAFillsCenter", info.n_features - model.categories);
  }
  model.per_class = model.offsets.back() + (info.n_features - model.categories) + 1;
}

}  // namespace

std::unique_ptr<Scorer> read_gam(const ModelSource& source) {
  const ModelInfo& info = source.info;
  info.require_version(1.00, 1.00);
  const InfoValues& values = info.values;
  // Members of pipelines and ensembles are scored without their record, so genmodel never expands their
  // terms.
  if (source.depth > 0) throw UnsupportedError("a GAM inside of another model is not supported");
  auto model = std::make_unique<Gam>();
  read_shape(info, *model);
  model->kind = parse_kind(values.text("family"));
  model->threshold = info.default_threshold;
  model->classes = info.n_classes;
  bool blocks = model->kind == Kind::multinomial || model->kind == Kind::ordinal;
  std::size_t wanted = model->kind == Kind::plain    ? 1
                       : model->kind == Kind::binary ? 2
                                                     : std::max<std::size_t>(info.n_classes, 2);
  if (info.n_classes != wanted) {
    throw FormatError("model.ini: GAM family " + values.text("family") + " with " +
                      std::to_string(info.n_classes) + " classes");
  }
  if (blocks) {
    model->beta = read_doubles(source, "beta_multinomial_centering", info.n_classes, model->per_class);
  } else {
    model->link = parse_glm_link(values.text("link"));
    if (model->link == GlmLink::tweedie) model->tweedie_power = values.number("tweedie_link_power", 0);
    model->beta = values.numbers("beta_center", model->per_class);
  }
  TermReader(source, *model).read();
  return model;
}

}  // namespace mojo
