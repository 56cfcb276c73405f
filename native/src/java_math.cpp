#include "java_math.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "java_numbers.hpp"

namespace mojo {
namespace {

// 2^(j/64) cut to a double, and the relative rest: 2^(j/64) = high * (1 + low).
struct Root {
  double high, low;
};

constexpr Root kRoots[64] = {
    {0x1p0, 0},
    {0x1.02c9a3e778060p0, 0x1.d7bbf0e03754ep-53},
    {0x1.059b0d3158574p0, 0x1.cd2523567f613p-55},
    {0x1.0874518759bc8p0, 0x1.0f74e61e6c861p-57},
    {0x1.0b5586cf9890fp0, 0x1.79aa65d837b6dp-54},
    {0x1.0e3ec32d3d1a2p0, 0x1.ebe3d702f9cd1p-60},
    {0x1.11301d0125b50p0, 0x1.3516e1e63bcd8p-53},
    {0x1.1429aaea92ddfp0, 0x1.4c55426f0387bp-53},
    {0x1.172b83c7d517ap0, 0x1.9515362523fb6p-53},
    {0x1.1a35beb6fcb75p0, 0x1.b898c3f1353bfp-55},
    {0x1.1d4873168b9aap0, 0x1.aecf73e3a2f60p-54},
    {0x1.2063b88628cd6p0, 0x1.a6f4144a6c38dp-55},
    {0x1.2387a6e756238p0, 0x1.68efde3a8a894p-54},
    {0x1.26b4565e27cddp0, 0x1.0472b981fe7f2p-55},
    {0x1.29e9df51fdee1p0, 0x1.2f7e16d09ab31p-55},
    {0x1.2d285a6e4030bp0, 0x1.b3782720c0ab4p-55},
    {0x1.306fe0a31b715p0, 0x1.34d754db0abb6p-55},
    {0x1.33c08b26416ffp0, 0x1.fdd395dd3f84ap-55},
    {0x1.371a7373aa9cap0, 0x1.12f8ccc187d29p-53},
    {0x1.3a7db34e59ff6p0, 0x1.7d229738b5e8cp-53},
    {0x1.3dea64c123422p0, 0x1.59f48a72a4c6dp-55},
    {0x1.4160a21f72e29p0, 0x1.8b846259d9206p-53},
    {0x1.44e086061892dp0, 0x1.363ed60c2ac11p-59},
    {0x1.486a2b5c13cd0p0, 0x1.ecce1daa10379p-57},
    {0x1.4bfdad5362a27p0, 0x1.690cebb7aafb0p-56},
    {0x1.4f9b2769d2ca6p0, 0x1.083cc9b282a09p-53},
    {0x1.5342b569d4f81p0, 0x1.509b0c1aae707p-53},
    {0x1.56f4736b527dap0, 0x1.3350518fdd78ep-54},
    {0x1.5ab07dd485429p0, 0x1.063e1e21c5409p-54},
    {0x1.5e76f15ad2148p0, 0x1.432e62b64c035p-54},
    {0x1.6247eb03a5584p0, 0x1.0128499f08c0ap-53},
    {0x1.6623882552224p0, 0x1.9f0870073dc06p-54},
    {0x1.6a09e667f3bccp0, 0x1.98d4d0da05571p-54},
    {0x1.6dfb23c651a2ep0, 0x1.52bb986ce4787p-53},
    {0x1.71f75e8ec5f73p0, 0x1.32092206f0dacp-53},
    {0x1.75feb564267c8p0, 0x1.061228e17a7a6p-53},
    {0x1.7a11473eb0186p0, 0x1.244ac461e9f86p-53},
    {0x1.7e2f336cf4e62p0, 0x1.5ebe1abd66c55p-57},
    {0x1.82589994cce12p0, 0x1.6fe9fbbff67d0p-54},
    {0x1.868d99b4492ecp0, 0x1.51f1414c801dfp-54},
    {0x1.8ace5422aa0dbp0, 0x1.db72fc1f0eab4p-55},
    {0x1.8f1ae99157736p0, 0x1.bf68359f35f44p-56},
    {0x1.93737b0cdc5e4p0, 0x1.360ba9c06283cp-53},
    {0x1.97d829fde4e4fp0, 0x1.5e8d120f962aap-54},
    {0x1.9c49182a3f090p0, 0x1.1affc2b91ce27p-56},
    {0x1.a0c667b5de564p0, 0x1.b6d34589a2ebdp-54},
    {0x1.a5503b23e255cp0, 0x1.5277c9ab89881p-54},
    {0x1.a9e6b5579fdbfp0, 0x1.469846e735ab3p-55},
    {0x1.ae89f995ad3adp0, 0x1.c1a7792cb3387p-55},
    {0x1.b33a2b84f15fap0, 0x1.22466dc2d1d96p-53},
    {0x1.b7f76f2fb5e46p0, 0x1.1112eb19505aep-53},
    {0x1.bcc1e904bc1d2p0, 0x1.4ffd70a5fddcdp-56},
    {0x1.c199bdd85529cp0, 0x1.36eae30af0cb3p-56},
    {0x1.c67f12e57d14bp0, 0x1.4e08fd10959acp-55},
    {0x1.cb720dcef9069p0, 0x1.76b2c6c921968p-57},
    {0x1.d072d4a07897bp0, 0x1.3700936df99b3p-54},
    {0x1.d5818dcfba487p0, 0x1.4a385a63d07a7p-56},
    {0x1.da9e603db3285p0, 0x1.e5a50d5c192acp-55},
    {0x1.dfc97337b9b5ep0, 0x1.8bb731c4a9792p-54},
    {0x1.e502ee78b3ff6p0, 0x1.4b604603a88d3p-56},
    {0x1.ea4afa2a490d9p0, 0x1.16f2792094927p-54},
    {0x1.efa1bee615a27p0, 0x1.ec3bc41aa2008p-55},
    {0x1.f50765b6e4540p0, 0x1.a64a931d185eep-55},
    {0x1.fa7c1819e90d8p0, 0x1.7893b4d91cd9dp-56},
};

constexpr double kRound = 0x1.8p52;  // added and taken away again it rounds to an integer

double scale(double value, int exponent) {
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) +
                               (static_cast<std::uint64_t>(exponent) << 52));
}

// The ends of the range, where 2^n alone is no normal double: scaled in two steps. A result below the normal
// numbers gets its high part and the rest rounded apart, as the algorithm does.
double finish_far(double root, double rest, int n) {
  int second = n >> 1;
  double near = scale(root, n - second);
  double factor = scale(1, second);
  rest *= near;
  int lost = -1022 - n;  // bits below the last one that the result has
  if (lost > 52) return (rest + near) * factor;
  double high =
      lost < 0 ? 0 : std::bit_cast<double>(std::bit_cast<std::uint64_t>(near) & (~std::uint64_t{0} << lost));
  rest += near - high;
  double result = (rest + high) * factor;
  return n >= 1023 || std::isnormal(result) ? result : rest * factor + high * factor;
}

}  // namespace

// The table based algorithm of Intel's math library, which HotSpot uses on x86-64 (its description and
// constants are published with the BSD licensed libm of Android, x86_64/e_exp.S): x = (64 n + j) ln2/64 + y,
// and e^x = 2^n 2^(j/64) (1 + p(y)). The order of the additions is what makes the bits equal.
double java_exp(double x) {
  if (std::isnan(x)) return x;
  double size = std::fabs(x);
  if (size < 0x1p-54) return 1 + x;
  if (size >= 1024) return x > 0 ? std::numeric_limits<double>::infinity() : 0;
  double shifted = x * 0x1.71547652b82fep6 + kRound;
  double steps = shifted - kRound;
  auto whole = static_cast<std::int32_t>(steps);
  double y = (x - steps * 0x1.62e42fefap-7) - steps * 0x1.cf79abc9e3b3ap-46;
  const Root& root = kRoots[whole & 63];
  double y2 = y * y;
  double odd = (y * y2) * (0x1.5555555548ba1p-3 + 0x1.55555555b9e25p-5 * y);
  double even = ((y * y2) * y2) * (0x1.11115c090cf0fp-7 + 0x1.6c15ce3289860p-10 * y);
  double rest = (odd + ((y + root.low) + even)) + y2 * 0x1.ffffffffffffep-2;
  int n = whole >> 6;
  if (n < -894 || n > 1022) return finish_far(root.high, rest, n);
  double scaled = scale(root.high, n);
  return rest * scaled + scaled;
}

double java_pow(double x, double y) { return y == 2 ? x * x : std::pow(x, y); }

// fdlibm's: x = 2^k (1 + f), s = f / (2 + f), log(1 + f) = f - s (f - R(s)), with its two ways to round.
double strict_log(double x) {
  constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33;
  if (std::isnan(x) || x < 0) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0) return -std::numeric_limits<double>::infinity();
  if (std::isinf(x)) return x;
  int k = 0;
  if (x < 0x1p-1022) {
    k = -54;
    x *= 0x1p54;
  }
  auto bits = std::bit_cast<std::uint64_t>(x);
  auto top = static_cast<std::int32_t>(bits >> 32);
  k += (top >> 20) - 1023;
  top &= 0xfffff;
  std::int32_t half = (top + 0x95f64) & 0x100000;  // from sqrt(2) on the next power of two is nearer
  k += half >> 20;
  auto mantissa = static_cast<std::uint64_t>(top | (half ^ 0x3ff00000)) << 32;
  double f = std::bit_cast<double>(mantissa | (bits & 0xffffffffU)) - 1;
  double dk = k;
  if ((0xfffff & (2 + top)) < 3) {  // |f| < 2^-20
    if (f == 0) return k == 0 ? 0 : dk * kLn2High + dk * kLn2Low;
    double r = f * f * (0.5 - 0.33333333333333333 * f);
    return k == 0 ? f - r : dk * kLn2High - ((r - dk * kLn2Low) - f);
  }
  double s = f / (2 + f);
  double z = s * s;
  double w = z * z;
  double t1 = w * (0x1.999999997fa04p-2 + w * (0x1.c71c51d8e78afp-3 + w * 0x1.39a09d078c69fp-3));
  double t2 = z * (0x1.5555555555593p-1 +
                   w * (0x1.2492494229359p-2 + w * (0x1.7466496cb03dep-3 + w * 0x1.2f112df3e5244p-3)));
  double r = t2 + t1;
  if (((top - 0x6147a) | (0x6b851 - top)) > 0) {
    double square = 0.5 * f * f;
    if (k == 0) return f - (square - s * (square + r));
    return dk * kLn2High - ((square - (s * (square + r) + dk * kLn2Low)) - f);
  }
  if (k == 0) return f - s * (f - r);
  return dk * kLn2High - ((s * (f - r) - dk * kLn2Low) - f);
}

double JavaRandom::next_gaussian() {
  if (kept_) {
    double value = *kept_;
    kept_.reset();
    return value;
  }
  double a, b, q;
  do {
    a = 2 * next_double() - 1;
    b = 2 * next_double() - 1;
    q = a * a + b * b;
  } while (q >= 1 || q == 0);
  double factor = std::sqrt(-2 * strict_log(q) / q);
  kept_ = b * factor;
  return a * factor;
}

}  // namespace mojo
