#include "numpy_arrays.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

namespace nb = nanobind;

namespace mojo {
namespace {

// Never released: the interpreter may be gone before a destructor would run.
nb::handle keep_from_numpy(const char* name) {
  return nb::object(nb::module_::import_("numpy").attr(name)).release();
}

// Whether `view` is now one of doubles with so many dimensions, NaN where they are masked.
bool view_doubles(nb::handle array, int dimensions, Py_buffer& view) {
  if (PyObject_GetBuffer(array.ptr(), &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) != 0) {
    PyErr_Clear();
    return false;
  }
  bool fits =
      view.ndim == dimensions && view.itemsize == sizeof(double) && std::strcmp(view.format, "d") == 0;
  if (fits && !is_masked(array)) return true;
  PyBuffer_Release(&view);
  constexpr double gap = std::numeric_limits<double>::quiet_NaN();
  return fits && view_doubles(array.attr("filled")(gap), dimensions, view);  // the view keeps the copy
}

}  // namespace

bool is_masked(nb::handle array) {
  static const nb::handle plain = keep_from_numpy("ndarray");
  return !array.type().is(plain) && nb::hasattr(array, "hardmask");
}

NumpyArray::NumpyArray(std::size_t size) : NumpyArray(nb::object(nb::int_(size))) {}

NumpyArray::NumpyArray(std::size_t rows, std::size_t width)
    : NumpyArray(nb::object(nb::make_tuple(rows, width))) {}

NumpyArray::NumpyArray(nb::object shape) {
  static const nb::handle empty = keep_from_numpy("empty");
  array_ = nb::steal(PyObject_CallOneArg(empty.ptr(), shape.ptr()));
  if (!array_.is_valid()) throw nb::python_error();
  Py_buffer view;
  if (PyObject_GetBuffer(array_.ptr(), &view, PyBUF_WRITABLE) != 0) throw nb::python_error();
  values_ = static_cast<double*>(view.buf);
  PyBuffer_Release(&view);  // the array keeps its memory
}

nb::object copy_to_matrix(std::span<const double> values, std::size_t rows, std::size_t width) {
  NumpyArray matrix(rows, width);
  std::ranges::copy(values, matrix.values());
  return matrix.take();
}

MatrixView::MatrixView(nb::handle matrix) {
  if (view_doubles(matrix, 2, view_)) return;
  std::string message = "score() takes a C-contiguous float64 matrix, not this " +
                        std::string(Py_TYPE(matrix.ptr())->tp_name) + ": make one with matrix()";
  throw nb::type_error(message.c_str());
}

VectorView::VectorView(nb::handle vector) {
  if (view_doubles(vector, 1, view_)) return;
  std::string message =
      "fill is a C-contiguous float64 vector, not this " + std::string(Py_TYPE(vector.ptr())->tp_name);
  throw nb::type_error(message.c_str());
}

}  // namespace mojo
