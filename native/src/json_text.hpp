// JSON as a tree of its texts.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mojo {

struct JsonValue {
  std::string text;               // of strings, and of numbers and words as they stand there
  std::vector<JsonValue> items;   // of arrays and objects
  std::vector<std::string> keys;  // of objects, one per item

  // Nothing where this is no object or has no such key.
  const JsonValue* find(std::string_view key) const;
};

// `name` is for messages. Escapes other than \" \\ and \/ are left as they are. Throws FormatError.
JsonValue parse_json(std::string_view text, const std::string& name);

}  // namespace mojo
