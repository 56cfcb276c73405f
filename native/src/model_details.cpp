#include "model_details.hpp"

#include <cstring>

#include "java_numbers.hpp"
#include "json_text.hpp"

namespace mojo {

std::optional<int> count_used_variables(const ModelSource& source) {
  const std::string name = "experimental/modelDetails.json";
  if (!source.contains(name)) return std::nullopt;
  std::string text = source.archive.read_text(source.prefix + name);
  JsonValue details = parse_json(text, source.prefix + name);
  const JsonValue* table = details.find("output");
  if (table) table = table->find("variable_importances");
  if (!table) return std::nullopt;
  const JsonValue* columns = table->find("columns");
  const JsonValue* data = table->find("data");
  if (!columns || !data || columns->items.size() != data->items.size()) return std::nullopt;
  for (std::size_t i = 0; i < columns->items.size(); ++i) {
    const JsonValue* title = columns->items[i].find("description");
    if (!title || title->text != "Relative Importance") continue;
    int used = 0;
    for (const JsonValue& cell : data->items[i].items) {
      std::optional<double> importance = parse_java_double(cell.text);
      if (!importance) throw FormatError(source.prefix + name + ": importance '" + cell.text + "'");
      used += *importance != 0 ? 1 : 0;
    }
    return used;
  }
  return std::nullopt;
}

}  // namespace mojo
