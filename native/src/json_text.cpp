#include "json_text.hpp"

#include "errors.hpp"

namespace mojo {
namespace {

constexpr int kDeepest = 64;

class JsonReader {
 public:
  JsonReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  JsonValue read() {
    JsonValue value = read_value(0);
    skip_blanks();
    if (at_ != text_.size()) fail("more than one value");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw FormatError(name_ + ": " + why + " at byte " + std::to_string(at_));
  }

  void skip_blanks() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }

  bool take(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  JsonValue read_value(int depth) {
    if (depth > kDeepest) fail("nested too deep");
    JsonValue value;
    if (take('{')) {
      read_items(value, '}', depth, true);
    } else if (take('[')) {
      read_items(value, ']', depth, false);
    } else if (take('"')) {
      value.text = read_string();
    } else {
      std::size_t end = text_.find_first_of(",]} \t\r\n", at_);
      if (end == text_.npos) end = text_.size();
      if (end == at_) fail("no value");
      value.text = text_.substr(at_, end - at_);
      at_ = end;
    }
    return value;
  }

  void read_items(JsonValue& value, char end, int depth, bool keyed) {
    if (take(end)) return;
    do {
      if (keyed) {
        if (!take('"')) fail("no key");
        value.keys.push_back(read_string());
        if (!take(':')) fail("no colon");
      }
      value.items.push_back(read_value(depth + 1));
    } while (take(','));
    if (!take(end)) fail("no end");
  }

  std::string read_string() {
    std::string out;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        char next = text_[at_ + 1];
        if (next != '"' && next != '\\' && next != '/') out += '\\';
        ++at_;
      }
      out += text_[at_++];
    }
    if (at_ == text_.size()) fail("a string without end");
    ++at_;
    return out;
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view key) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == key) return &items[i];
  }
  return nullptr;
}

JsonValue parse_json(std::string_view text, const std::string& name) { return JsonReader(text, name).read(); }

}  // namespace mojo
