// Entries of an archive that are tables of doubles: big endian, row after row.
#pragma once

#include <string>
#include <vector>

#include "byte_reader.hpp"
#include "model_source.hpp"

namespace mojo {

// The whole entry, which must hold `rows` times `columns` doubles. Throws FormatError.
inline std::vector<double> read_doubles(const ModelSource& source, const std::string& name, std::size_t rows,
                                        std::size_t columns) {
  std::vector<std::uint8_t> bytes;
  source.read(name, bytes);
  std::size_t cells = bytes.size() / sizeof(double);
  // Divided, not multiplied: the shape is a claim.
  bool fits = columns == 0 || rows == 0 ? cells == 0 : cells / columns == rows && cells % columns == 0;
  if (!fits || bytes.size() % sizeof(double) != 0) {
    throw FormatError(name + ": " + std::to_string(bytes.size()) + " bytes do not hold " +
                      std::to_string(rows) + " rows of " + std::to_string(columns) + " doubles");
  }
  ByteReader reader(bytes, name);
  std::vector<double> values(cells);
  for (double& value : values) value = reader.big_double();
  return values;
}

}  // namespace mojo
