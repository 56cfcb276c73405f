#include "arrow_stream.hpp"

#include <cmath>
#include <cstdio>
#include <cstring>

#include "errors.hpp"
#include "java_numbers.hpp"

namespace nb = nanobind;

namespace mojo {
namespace {

template <typename T>
T load(const void* buffer, std::int64_t at) {
  T value;
  std::memcpy(&value, static_cast<const char*>(buffer) + at * static_cast<std::int64_t>(sizeof(T)),
              sizeof(T));
  return value;
}

bool bit(const void* buffer, std::int64_t at) {
  return (static_cast<const unsigned char*>(buffer)[at / 8] >> (at % 8)) & 1;
}

// `at` counts from the start of the buffers. Arrays without buffers know no nulls.
bool is_null(const ArrowArray& array, std::int64_t at) {
  const void* validity = array.null_count == 0 || array.n_buffers == 0 ? nullptr : array.buffers[0];
  return validity && !bit(validity, at);
}

// Arrow's letters for numbers, without decimals, dates and times.
bool is_number(const std::string& type) {
  return type.size() == 1 && std::strchr("bcCsSiIlLefg", type[0]) != nullptr;
}

bool is_integer(const std::string& type) { return is_number(type) && !std::strchr("befg", type[0]); }

// The scale of "d:precision,scale", which is a decimal of 128 bits; of others a width follows.
std::optional<int> decimal_scale(const std::string& type) {
  int precision = 0, scale = 0, end = 0;
  if (std::sscanf(type.c_str(), "d:%d,%d%n", &precision, &scale, &end) < 2) return std::nullopt;
  return static_cast<std::size_t>(end) == type.size() ? std::optional(scale) : std::nullopt;
}

double widen_half(std::uint16_t half) {
  int exponent = half >> 10 & 31;
  double fraction = half & 1023;
  double size = exponent == 0   ? std::ldexp(fraction, -24)
                : exponent < 31 ? std::ldexp(fraction + 1024, exponent - 25)
                : fraction == 0 ? INFINITY
                                : NAN;
  return half >> 15 ? -size : size;
}

bool is_text_type(const std::string& type) { return type == "u" || type == "U" || type == "vu"; }

}  // namespace

ArrowColumn::ArrowColumn(const ArrowSchema& schema, const ArrowArray& array, const ArrowArray& batch)
    : ArrowColumn(schema, array, &batch, batch.offset, batch.length) {}

ArrowColumn::ArrowColumn(const ArrowSchema& schema, const ArrowArray& array, const ArrowArray* batch,
                         std::int64_t offset, std::int64_t length)
    : schema_(schema),
      array_(array),
      batch_(batch),
      offset_(offset + array.offset),
      length_(length),
      type_(schema.format) {
  if (offset + length > array.length)
    throw RowError("column '" + std::string(schema.name ? schema.name : "") + "' is shorter than its batch");
  if (schema.dictionary) {
    kind_ = Kind::dictionary;
    if (!array.dictionary || !is_integer(type_))
      throw RowError("a dictionary of Arrow type '" + type_ + "' is not understood");
  } else if (type_ == "n") {
    kind_ = Kind::nothing;
  } else if (is_text_type(type_)) {
    kind_ = Kind::text;
  } else if (std::optional<int> scale = decimal_scale(type_)) {
    scale_ = *scale;
  } else if (!is_number(type_) && holds_nothing()) {
    kind_ = Kind::nothing;
  } else if (!is_number(type_)) {
    throw RowError("column '" + std::string(schema.name ? schema.name : "") + "' has Arrow type '" + type_ +
                   "': cast it to a number, to text or to a dictionary of text");
  }
  format_ = type_[0];
  if (kind_ != Kind::nothing && length_ > 0) require_buffers(kind_ == Kind::text ? 3 : 2);
}

void ArrowColumn::require_buffers(std::int64_t count) const {
  // An empty text column may lack the bytes; nothing else may be absent.
  if (array_.n_buffers < count || !array_.buffers[1])
    throw RowError("column '" + std::string(schema_.name ? schema_.name : "") + "' lacks buffers");
}

// Whether all are null, as in a pandas column of NaT alone.
bool ArrowColumn::holds_nothing() const {
  for (std::int64_t row = 0; row < length_; ++row) {
    if (!is_missing(row)) return false;
  }
  return true;
}

bool ArrowColumn::is_missing(std::int64_t row) const {
  if (kind_ == Kind::nothing) return true;
  return is_null(array_, offset_ + row) || (batch_ && is_null(*batch_, batch_->offset + row));
}

double ArrowColumn::number(std::int64_t row) const {
  const void* data = array_.buffers[1];
  std::int64_t at = offset_ + row;
  switch (format_) {
    case 'b': return bit(data, at) ? 1 : 0;
    case 'd': return decimal(row);
    case 'e': return widen_half(load<std::uint16_t>(data, at));
    case 'f': return static_cast<double>(load<float>(data, at));
    case 'g': return load<double>(data, at);
    case 'L': return static_cast<double>(load<std::uint64_t>(data, at));
    default: return static_cast<double>(code(row));
  }
}

// Through its digits, so that it is rounded once, as Python does.
double ArrowColumn::decimal(std::int64_t row) const {
  std::int64_t at = 2 * (offset_ + row);
  auto low = load<std::uint64_t>(array_.buffers[1], at);
  auto high = load<std::uint64_t>(array_.buffers[1], at + 1);
  auto rest = static_cast<unsigned __int128>(high) << 64 | low;
  bool negative = static_cast<std::int64_t>(high) < 0;
  if (negative) rest = -rest;
  std::string digits;
  do digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  while ((rest /= 10) != 0);
  return *parse_decimal((negative ? "-" : "") + digits + "e" + std::to_string(-std::int64_t{scale_}));
}

std::int64_t ArrowColumn::code(std::int64_t row) const {
  const void* data = array_.buffers[1];
  std::int64_t at = offset_ + row;
  switch (format_) {
    case 'c': return load<std::int8_t>(data, at);
    case 'C': return load<std::uint8_t>(data, at);
    case 's': return load<std::int16_t>(data, at);
    case 'S': return load<std::uint16_t>(data, at);
    case 'i': return load<std::int32_t>(data, at);
    case 'I': return load<std::uint32_t>(data, at);
    default:  // 'l', and 'L' of a dictionary that no memory could hold
      return load<std::int64_t>(data, at);
  }
}

std::string_view ArrowColumn::text(std::int64_t row) const {
  std::int64_t at = offset_ + row;
  if (format_ == 'v') {
    // 16 bytes: the length, then up to 12 bytes of text, or prefix, buffer and offset.
    const char* view = static_cast<const char*>(array_.buffers[1]) + at * 16;
    auto size = static_cast<std::size_t>(load<std::int32_t>(view, 0));
    if (size <= 12) return {view + 4, size};
    const void* data = array_.buffers[2 + load<std::int32_t>(view, 2)];
    return {static_cast<const char*>(data) + load<std::int32_t>(view, 3), size};
  }
  bool wide = format_ == 'U';
  const void* offsets = array_.buffers[1];
  std::int64_t begin = wide ? load<std::int64_t>(offsets, at) : load<std::int32_t>(offsets, at);
  std::int64_t end = wide ? load<std::int64_t>(offsets, at + 1) : load<std::int32_t>(offsets, at + 1);
  if (begin == end) return {};
  return {static_cast<const char*>(array_.buffers[2]) + begin, static_cast<std::size_t>(end - begin)};
}

ArrowColumn ArrowColumn::dictionary() const {
  return {*schema_.dictionary, *array_.dictionary, nullptr, 0, array_.dictionary->length};
}

ArrowStream::ArrowStream(nb::handle source) : capsule_(source.attr("__arrow_c_stream__")()) {
  stream_ = static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(capsule_.ptr(), "arrow_array_stream"));
  if (!stream_) throw nb::python_error();
  if (stream_->get_schema(stream_, &schema_) != 0) fail("schema");
  if (std::string_view(schema_.format) != "+s") {
    std::string format = schema_.format;
    schema_.release(&schema_);
    throw RowError("data is an Arrow stream of type '" + format + "': pass a table");
  }
}

ArrowStream::~ArrowStream() {
  if (batch_.release) batch_.release(&batch_);
  if (schema_.release) schema_.release(&schema_);
  // The capsule's destructor releases the stream itself.
}

bool ArrowStream::next() {
  if (batch_.release) batch_.release(&batch_);
  batch_ = {};
  if (stream_->get_next(stream_, &batch_) != 0) fail("batch");
  return batch_.release != nullptr;
}

std::optional<std::int64_t> ArrowStream::find(std::string_view name) const {
  for (std::int64_t i = schema_.n_children; i-- > 0;) {
    const char* given = schema_.children[i]->name;
    if (given && name == given) return i;
  }
  return std::nullopt;
}

ArrowColumn ArrowStream::column(std::int64_t index) const {
  return {*schema_.children[index], *batch_.children[index], batch_};
}

void ArrowStream::fail(const char* what) {
  const char* reason = stream_->get_last_error(stream_);
  throw RowError(std::string("the Arrow stream gave no ") + what + ": " +
                 (reason ? reason : "no reason given"));
}

}  // namespace mojo
