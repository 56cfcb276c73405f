#include "gam_tables.hpp"

#include <cstdint>
#include <limits>

#include "double_blob.hpp"

namespace mojo {

std::vector<Table> fill_tables(const ModelSource& source, const std::string& name,
                               std::vector<Table> shapes) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int32_t>::max();
  std::uint64_t cells = 0;
  for (const Table& table : shapes) {
    // Each shape alone stays below 2^62.
    std::uint64_t more = static_cast<std::uint64_t>(table.rows) * table.columns;
    if (more > kMost - cells)
      throw FormatError("model.ini: the tables of " + name + " are larger than any file");
    cells += more;
  }
  std::vector<double> values = read_doubles(source, name, 1, cells);
  auto next = values.begin();
  for (Table& table : shapes) {
    auto end = next + static_cast<std::ptrdiff_t>(table.rows * table.columns);
    table.values.assign(next, end);
    next = end;
  }
  return shapes;
}

}  // namespace mojo
