#include "errors.hpp"

#include "text_values.hpp"

namespace mojo {
namespace {

std::string clean(std::string message) {
  bool whole = is_utf8(message);
  for (char& c : message) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte == 0x7f || (byte >= 0x80 && !whole)) c = '?';
  }
  return message;
}

}  // namespace

Error::Error(const std::string& message) : std::runtime_error(clean(message)) {}

}  // namespace mojo
