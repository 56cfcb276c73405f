// NumPy's float64 arrays, made and read with as few calls as it takes: scoring one row costs about as much as
// these.
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
  explicit NumpyArray(nanobind::object shape);

  nanobind::object array_;
  double* values_;
};

nanobind::object copy_to_matrix(std::span<const double> values, std::size_t rows, std::size_t width);

// A view of a C-contiguous matrix of doubles that someone else owns; masked cells are NaN. Throws TypeError
// for anything else.
class MatrixView {
 public:
  explicit MatrixView(nanobind::handle matrix);
  ~MatrixView() { PyBuffer_Release(&view_); }
  MatrixView(const MatrixView&) = delete;
  MatrixView& operator=(const MatrixView&) = delete;

  const double* values() const { return static_cast<const double*>(view_.buf); }
  std::size_t rows() const { return static_cast<std::size_t>(view_.shape[0]); }
  std::size_t width() const { return static_cast<std::size_t>(view_.shape[1]); }

 private:
  Py_buffer view_;
};

// The same of a vector of doubles.
class VectorView {
 public:
  explicit VectorView(nanobind::handle vector);
  ~VectorView() { PyBuffer_Release(&view_); }
  VectorView(const VectorView&) = delete;
  VectorView& operator=(const VectorView&) = delete;

  const double* values() const { return static_cast<const double*>(view_.buf); }
  std::size_t size() const { return static_cast<std::size_t>(view_.shape[0]); }

 private:
  Py_buffer view_;
};

}  // namespace mojo
