#include "gam_spline.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <string>

#include "errors.hpp"
#include "java_math.hpp"

namespace mojo {
namespace {

// The first `rows` rows of a table times a vector.
void multiply(const Table& table, std::span<const double> vector, std::size_t rows, double* out) {
  if (rows > table.rows || vector.size() > table.columns) {
    throw RowError("genmodel takes the matrix of another smooth column, of " + std::to_string(table.rows) +
                   " times " + std::to_string(table.columns) + " instead of " + std::to_string(rows) +
                   " times " + std::to_string(vector.size()));
  }
  for (std::size_t i = 0; i < rows; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < vector.size(); ++j) sum += vector[j] * table.row(i)[j];
    out[i] = sum;
  }
}

class CubicSpline final : public GamSpline {
 public:
  CubicSpline(std::vector<double> k, Table i, Table c)
      : knots(std::move(k)), inverse(std::move(i)), center(std::move(c)) {}

  std::size_t cells() const override { return knots.size() - 1; }
  std::size_t room() const override { return knots.size(); }
  std::size_t nbytes() const override {
    return (knots.size() + inverse.values.size() + center.values.size()) * sizeof(double);
  }

  void expand(const double* predictor, double* cells, double* room) const override {
    double x = *predictor;
    std::size_t bin = find_bin(x);
    double width = knots[bin + 1] - knots[bin];
    double below = bend(knots[bin + 1] - x, width), above = bend(x - knots[bin], width);
    for (std::size_t q = 0; q < knots.size(); ++q) {
      if (bin == 0)
        room[q] = inverse.row(0)[q] * above;
      else if (bin >= inverse.rows)
        room[q] = inverse.row(bin - 1)[q] * below;
      else
        room[q] = inverse.row(bin - 1)[q] * below + inverse.row(bin)[q] * above;
    }
    room[bin] += (knots[bin + 1] - x) / width;
    room[bin + 1] += (x - knots[bin]) / width;
    multiply(center, {room, knots.size()}, knots.size() - 1, cells);
  }

 private:
  static double bend(double t, double width) { return (t * t * t / width - t * width) / 6.0; }

  std::size_t find_bin(double x) const {
    if (x <= knots.front()) return 0;
    if (x >= knots.back()) return knots.size() - 2;
    std::size_t low = 0, high = knots.size() - 1, middle = 0;
    for (std::size_t tried = 0; tried < knots.size(); ++tried) {
      middle = (low + high) / 2;
      if (x >= knots[middle] && x < knots[middle + 1]) break;
      (x > knots[middle] ? low : high) = middle;
    }
    return middle;
  }

  std::vector<double> knots;
  Table inverse, center;
};

// The outermost knots `order` times, the others once.
std::vector<double> repeat_ends(const std::vector<double>& knots, std::size_t order) {
  std::vector<double> all(order - 1, knots.front());
  all.insert(all.end(), knots.begin(), knots.end());
  all.insert(all.end(), order - 1, knots.back());
  return all;
}

double inverse_of(double width) { return width == 0 ? 0 : 1 / width; }

// B-spline of an order over knots[0..order], by the recursion of de Boor.
double b_spline(const double* knots, std::size_t order, double x) {
  if (x < knots[0] || x >= knots[order]) return 0;
  if (order == 1) return 1;
  double left = inverse_of(knots[order - 1] - knots[0]), right = inverse_of(knots[order] - knots[1]);
  return (x - knots[0]) * left * b_spline(knots, order - 1, x) +
         (knots[order] - x) * right * b_spline(knots + 1, order - 1, x);
}

// The same for M-splines, whose integral is 1.
double m_spline(const double* knots, std::size_t order, double x) {
  if (x < knots[0] || x >= knots[order]) return 0;
  double width = inverse_of(knots[order] - knots[0]);
  if (order == 1) return width;
  auto m = static_cast<double>(order);
  return m / (m - 1.0) *
         ((x - knots[0]) * width * m_spline(knots, order - 1, x) +
          (knots[order] - x) * width * m_spline(knots + 1, order - 1, x));
}

class IntegratedSpline final : public GamSpline {
 public:
  IntegratedSpline(const std::vector<double>& k, std::size_t o)
      : order(o), count(k.size() + o - 2), knots(repeat_ends(k, o)), finer(repeat_ends(k, o + 1)) {}

  std::size_t cells() const override { return count; }
  std::size_t room() const override { return 0; }
  std::size_t nbytes() const override { return (knots.size() + finer.size()) * sizeof(double); }

  void expand(const double* x, double* cells, double*) const override {
    for (std::size_t q = 0; q < count; ++q)
      cells[q] = *x < knots[q] ? 0 : *x >= knots[q + order] ? 1 : sum_from(q + 1, *x);
  }

 private:
  double sum_from(std::size_t first, double x) const {
    double sum = 0;
    for (std::size_t b = first; b <= count && x >= finer[b]; ++b)
      sum += x >= finer[b + order + 1] ? 1 : b_spline(&finer[b], order + 1, x);
    return sum;
  }

  std::size_t order, count;
  std::vector<double> knots, finer;  // of the splines, and of those that they sum up
};

class MonotoneSpline final : public GamSpline {
 public:
  MonotoneSpline(const std::vector<double>& k, std::size_t o, Table c)
      : order(o), count(k.size() + o - 2), knots(repeat_ends(k, o)), center(std::move(c)) {}

  std::size_t cells() const override { return count - 1; }
  std::size_t room() const override { return count; }
  std::size_t nbytes() const override { return (knots.size() + center.values.size()) * sizeof(double); }

  void expand(const double* x, double* cells, double* room) const override {
    for (std::size_t q = 0; q < count; ++q) room[q] = m_spline(&knots[q], order, *x);
    multiply(center, {room, count}, count - 1, cells);
  }

 private:
  std::size_t order, count;
  std::vector<double> knots;
  Table center;
};

double power(double base, int exponent) {
  if (exponent == 0) return 1;
  double product = base;
  for (int i = 1; i < exponent; ++i) product *= base;
  return product;
}

// In Java's int, which may wrap.
std::int32_t factorial(int n) {
  std::uint32_t product = 1;
  for (int i = 2; i <= n; ++i) product *= static_cast<std::uint32_t>(i);
  return static_cast<std::int32_t>(product);
}

// Wood, "Thin plate regression splines", 2003: the factor of the radial function.
double radial_factor(int m, int d) {
  double pi = std::numbers::pi;
  if (d % 2 == 0) {
    return java_pow(-1.0, m + 1 + d / 2.0) /
           (java_pow(2.0, 2 * m - 1) * java_pow(pi, d / 2.0) * factorial(m - 1) * factorial(m - d / 2));
  }
  return java_pow(-1.0, m) * m / (factorial(2 * m) * java_pow(pi, (d - 1) / 2.0));
}

class ThinPlateSpline final : public GamSpline {
 public:
  explicit ThinPlateSpline(ThinPlate p)
      : plate(std::move(p)), factor(radial_factor(plate.smoothness, static_cast<int>(plate.predictors))) {}

  std::size_t cells() const override { return plate.knots.columns - 1; }
  std::size_t room() const override { return 2 * plate.knots.columns; }
  std::size_t nbytes() const override {
    return (plate.knots.values.size() + plate.reduce.values.size() + plate.center.values.size()) *
           sizeof(double);
  }

  void expand(const double* x, double* cells, double* room) const override {
    if (plate.standardized) throw RowError("genmodel cannot score standardized thin plate columns");
    std::size_t count = plate.knots.columns;
    double* radial = room;
    double* parts = room + count;
    for (std::size_t knot = 0; knot < count; ++knot) radial[knot] = radial_value(x, knot);
    std::size_t reduced = count - plate.polynomials.size();
    multiply(plate.reduce, {radial, count}, reduced, parts);
    for (std::size_t i = 0; i < plate.polynomials.size(); ++i) parts[reduced + i] = monomial(x, i);
    multiply(plate.center, {parts, count}, count - 1, cells);
  }

 private:
  double radial_value(const double* x, std::size_t knot) const {
    double sum = 0;
    for (std::size_t p = 0; p < plate.predictors; ++p) {
      double off = x[p] - plate.knots.row(p)[knot];
      sum += off * off;
    }
    auto d = static_cast<int>(plate.predictors);
    double distance = power(std::sqrt(sum), 2 * plate.smoothness - d);
    double value = factor * distance;
    return d % 2 == 0 && distance != 0 ? value * java_log(distance) : value;
  }

  double monomial(const double* x, std::size_t which) const {
    const std::vector<int>& exponents = plate.polynomials[which];
    // genmodel counts the predictors of thin plate columns wrongly beside I- and M-splines.
    if (exponents.size() < plate.predictors) throw RowError("genmodel reads too few exponents");
    double product = 1;
    for (std::size_t p = 0; p < plate.predictors; ++p) product *= power(x[p], exponents[p]);
    return product;
  }

  ThinPlate plate;
  double factor;
};

}  // namespace

std::unique_ptr<GamSpline> make_cubic_spline(std::vector<double> knots, Table inverse, Table center) {
  return std::make_unique<CubicSpline>(std::move(knots), std::move(inverse), std::move(center));
}

std::unique_ptr<GamSpline> make_integrated_spline(const std::vector<double>& knots, std::size_t order) {
  return std::make_unique<IntegratedSpline>(knots, order);
}

std::unique_ptr<GamSpline> make_monotone_spline(const std::vector<double>& knots, std::size_t order,
                                                Table center) {
  return std::make_unique<MonotoneSpline>(knots, order, std::move(center));
}

std::unique_ptr<GamSpline> make_thin_plate(ThinPlate plate) {
  return std::make_unique<ThinPlateSpline>(std::move(plate));
}

}  // namespace mojo
