#include "numpy_arrays.hpp"

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>

namespace nb = nanobind;

namespace mojo {
namespace {

// NumPy's functions are there after this. It is imported by the first call that needs it, without a static's
// guard: whoever imports lets go of the GIL meanwhile.
void import_numpy() {
  if (PyArray_API) return;
  nb::module_::import_("numpy");  // tells what is wrong; the next line would only print it
  if (PyArray_ImportNumPyAPI() != 0) throw nb::python_error();
}

PyArrayObject* as_array(nb::handle array) { return reinterpret_cast<PyArrayObject*>(array.ptr()); }

// `given` as a C-contiguous array of doubles with so many dimensions, NaN where it is masked; nothing if it
// is another thing.
nb::object view_doubles(nb::handle given, int dimensions) {
  import_numpy();
  nb::object array = nb::borrow(given);
  if (!PyArray_Check(array.ptr())) {  // a memoryview, or what else hands out its memory
    if (!PyObject_CheckBuffer(array.ptr())) return nb::object();
    array = nb::steal(PyArray_FromAny(array.ptr(), nullptr, 0, 0, 0, nullptr));
    if (!array.is_valid()) {
      PyErr_Clear();
      return array;
    }
  }
  PyArrayObject* found = as_array(array);
  bool fits =
      PyArray_TYPE(found) == NPY_DOUBLE && PyArray_NDIM(found) == dimensions && PyArray_ISCARRAY_RO(found);
  if (!fits) return nb::object();
  constexpr double gap = std::numeric_limits<double>::quiet_NaN();
  return is_masked(array) ? view_doubles(array.attr("filled")(gap), dimensions) : array;
}

}  // namespace

bool is_masked(nb::handle array) {
  import_numpy();
  return !PyArray_CheckExact(array.ptr()) && nb::hasattr(array, "hardmask");
}

NumpyArray::NumpyArray(std::size_t size) : NumpyArray(std::array{size}) {}

NumpyArray::NumpyArray(std::size_t rows, std::size_t width) : NumpyArray(std::array{rows, width}) {}

NumpyArray::NumpyArray(std::span<const std::size_t> shape) {
  import_numpy();
  std::array<npy_intp, 2> lengths;
  std::ranges::copy(shape, lengths.begin());
  array_ = nb::steal(PyArray_SimpleNew(static_cast<int>(shape.size()), lengths.data(), NPY_DOUBLE));
  if (!array_.is_valid()) throw nb::python_error();
  values_ = static_cast<double*>(PyArray_DATA(as_array(array_)));
}

nb::object copy_to_matrix(std::span<const double> values, std::size_t rows, std::size_t width) {
  NumpyArray matrix(rows, width);
  std::ranges::copy(values, matrix.values());
  return matrix.take();
}

MatrixView::MatrixView(nb::handle matrix) : array_(view_doubles(matrix, 2)) {
  if (!array_.is_valid()) {
    std::string message = "score() takes a C-contiguous float64 matrix, not this " +
                          std::string(Py_TYPE(matrix.ptr())->tp_name) + ": make one with matrix()";
    throw nb::type_error(message.c_str());
  }
  values_ = static_cast<const double*>(PyArray_DATA(as_array(array_)));
  rows_ = static_cast<std::size_t>(PyArray_DIM(as_array(array_), 0));
  width_ = static_cast<std::size_t>(PyArray_DIM(as_array(array_), 1));
}

VectorView::VectorView(nb::handle vector) : array_(view_doubles(vector, 1)) {
  if (!array_.is_valid()) {
    std::string message =
        "fill is a C-contiguous float64 vector, not this " + std::string(Py_TYPE(vector.ptr())->tp_name);
    throw nb::type_error(message.c_str());
  }
  values_ = static_cast<const double*>(PyArray_DATA(as_array(array_)));
  size_ = static_cast<std::size_t>(PyArray_DIM(as_array(array_), 0));
}

}  // namespace mojo
