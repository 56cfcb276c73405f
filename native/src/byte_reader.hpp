// A cursor over bytes that never reads past their end.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "errors.hpp"

namespace mojo {

static_assert(std::endian::native == std::endian::little, "big endian machines need swaps in ByteReader");

using Bytes = std::span<const std::uint8_t>;

class ByteReader {
 public:
  ByteReader(Bytes bytes, std::string_view what) : bytes_(bytes), what_(what) {}

  std::size_t position() const { return position_; }
  std::size_t left() const { return bytes_.size() - position_; }

  template <class T>
  T little() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

  // An unsigned integer with its highest byte first.
  template <class T>
  T big() {
    T value = 0;
    for (std::uint8_t byte : take(sizeof(T))) value = static_cast<T>(value << 8 | byte);
    return value;
  }

  double big_double() { return std::bit_cast<double>(big<std::uint64_t>()); }

  Bytes take(std::uint64_t count) {
    if (count > left()) end_early(count);
    Bytes part = bytes_.subspan(position_, count);
    position_ += count;
    return part;
  }

  void skip(std::uint64_t count) { take(count); }

 private:
  // Apart, so that the compiler puts the rest where it is called.
  [[noreturn, gnu::noinline]] void end_early(std::uint64_t count) const {
    throw FormatError(std::string(what_) + ": ends early, " + std::to_string(count) +
                      " bytes wanted at offset " + std::to_string(position_) + ", " + std::to_string(left()) +
                      " left");
  }

  Bytes bytes_;
  std::string what_;
  std::size_t position_ = 0;
};

}  // namespace mojo
