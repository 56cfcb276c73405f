// The matrices of a GAM's smooth terms.
#pragma once

#include <string>
#include <vector>

#include "model_source.hpp"

namespace mojo {

// A table of doubles. The file says its shape.
struct Table {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<double> values;

  const double* row(std::size_t i) const { return &values[i * columns]; }
};

// The entry `name`, which holds tables of these shapes, one after the other and nothing else. Throws
// FormatError.
std::vector<Table> fill_tables(const ModelSource& source, const std::string& name, std::vector<Table> shapes);

}  // namespace mojo
