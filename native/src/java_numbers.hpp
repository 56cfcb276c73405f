// Java's number rules where C++ has others, and java.util.Random.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace mojo {

// Java's (int) of a double: NaN is 0, towards zero, saturating.
inline std::int32_t to_int(double value) {
  if (std::isnan(value)) return 0;
  if (value >= 2147483647.0) return std::numeric_limits<std::int32_t>::max();
  if (value <= -2147483648.0) return std::numeric_limits<std::int32_t>::min();
  return static_cast<std::int32_t>(value);
}

// Java's (long) of a double.
inline std::int64_t to_long(double value) {
  if (std::isnan(value)) return 0;
  if (value >= 9223372036854775808.0) return std::numeric_limits<std::int64_t>::max();
  if (value <= -9223372036854775808.0) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

// Math.min and Math.max: NaN wins, -0.0 is below +0.0.
template <class T>
T java_min(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<T>::quiet_NaN();
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

template <class T>
T java_max(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<T>::quiet_NaN();
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

// Double.parseDouble after String.trim: decimal and hexadecimal floats, NaN, Infinity, suffix d or f; nothing
// for other text.
std::optional<double> parse_java_double(std::string_view text);

// What Integer.parseInt takes.
std::optional<std::int32_t> parse_java_int(std::string_view text);

// Correctly rounded; no blanks, sign only '-'. Overflow gives an infinity. Nothing for other text.
std::optional<double> parse_decimal(std::string_view text);

class JavaRandom {
 public:
  explicit JavaRandom(std::int64_t seed)
      : state_((static_cast<std::uint64_t>(seed) ^ 0x5DEECE66DU) & kMask) {}

  double next_double() {
    std::uint64_t high = next(26);
    return static_cast<double>((high << 27) + next(27)) * 0x1.0p-53;
  }

  // nextInt(bound), bound > 0.
  std::int32_t next_int(std::int32_t bound) {
    auto drawn = static_cast<std::int32_t>(next(31));
    if ((bound & (bound - 1)) == 0) return static_cast<std::int32_t>((std::int64_t{bound} * drawn) >> 31);
    std::int32_t value = drawn % bound;
    // Draws above the last whole multiple of the bound would favour small values.
    while (std::int64_t{drawn} - value + (bound - 1) > std::numeric_limits<std::int32_t>::max()) {
      drawn = static_cast<std::int32_t>(next(31));
      value = drawn % bound;
    }
    return value;
  }

  double next_gaussian();

 private:
  static constexpr std::uint64_t kMask = (std::uint64_t{1} << 48) - 1;

  std::uint64_t next(int bits) {
    state_ = (state_ * 0x5DEECE66DU + 11) & kMask;
    return state_ >> (48 - bits);
  }

  std::uint64_t state_;
  std::optional<double> kept_;  // nextGaussian makes two at a time
};

}  // namespace mojo
