// NumPy's float64 arrays, made and read through its C interface: scoring one row costs about as much as a few
// calls of Python.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <span>

namespace mojo {

// NumPy's masked arrays hand out the numbers below their mask; no other arrays or columns have a hardmask.
bool is_masked(nanobind::handle array);

// A new array; its values are not set.
class NumpyArray {
 public:
  explicit NumpyArray(std::size_t size);
  NumpyArray(std::size_t rows, std::size_t width);

  double* values() { return values_; }
  nanobind::object take() { return std::move(array_); }

 private:
  explicit NumpyArray(std::span<const std::size_t> shape);

  nanobind::object array_;
  double* values_;
};

nanobind::object copy_to_matrix(std::span<const double> values, std::size_t rows, std::size_t width);

// A view of a C-contiguous matrix of doubles that someone else owns; masked cells are NaN. Throws TypeError
// for anything else.
class MatrixView {
 public:
  explicit MatrixView(nanobind::handle matrix);

  const double* values() const { return values_; }
  std::size_t rows() const { return rows_; }
  std::size_t width() const { return width_; }

 private:
  nanobind::object array_;
  const double* values_;
  std::size_t rows_;
  std::size_t width_;
};

// The same of a vector of doubles.
class VectorView {
 public:
  explicit VectorView(nanobind::handle vector);

  const double* values() const { return values_; }
  std::size_t size() const { return size_; }

 private:
  nanobind::object array_;
  const double* values_;
  std::size_t size_;
};

}  // namespace mojo
