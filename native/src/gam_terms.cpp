#include "gam_terms.hpp"

#include <algorithm>
#include <limits>

#include "byte_reader.hpp"
#include "gam_tables.hpp"
#include "text_values.hpp"

namespace mojo {
namespace {

enum class Basis { cubic = 0, thin_plate = 1, integrated = 2, monotone = 3 };

constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMostOrder = 16;     // the recursion doubles with each
constexpr std::int64_t kMostExponent = 64;  // of a polynomial, and m

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
      GamTerm term;
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
    knots_ = fill_tables(source_, "knots", std::move(knots));
    centers_ = fill_tables(source_, "zTranspose", std::move(centers));
    if (!inverses.empty()) inverses_ = fill_tables(source_, "_binvD", std::move(inverses));
    for (std::size_t g = 0; g < bases_.size(); ++g) {
      const std::vector<double>& values = knots_[g].values;
      bool ascend = std::adjacent_find(values.begin(), values.end(),
                                       [](double a, double b) { return !(a < b); }) == values.end();
      if (bases_[g] != Basis::thin_plate && !ascend) throw FormatError("knots do not ascend");
    }
  }

  ThinPlate read_plate(std::size_t g, std::size_t which) {
    if (which == 0) read_plates();
    ThinPlate plate;
    plate.predictors = static_cast<std::size_t>(dimensions_[g]);
    plate.smoothness = static_cast<int>(smoothness_[which]);
    plate.standardized = values_.flag("standardize");
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
    reduces_ = fill_tables(source_, "zTransposeCS", std::move(reduces));
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
    if (plates && values_.flag("standardize"))
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

}  // namespace

void read_gam_terms(const ModelSource& source, Gam& model) { TermReader(source, model).read(); }

}  // namespace mojo
