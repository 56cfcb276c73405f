#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>

#include "java_math.hpp"

namespace mojo {
namespace {

// Where, in 1/4096 of the mantissa, the rounded reciprocal of 1 + start / 4096 falls by 1/256. These are the
// answers of the instruction rcpps, which is exact to 12 bits only and not the same on every processor: these
// are an AMD EPYC's, on which the tests' hashes were made. On another the logarithm of very few arguments
// may be 1 ulp away (with exact reciprocals it was 1 of 200,000 close to 1, and none elsewhere).
constexpr std::uint16_t kStarts[128] = {
    8,    24,   41,   57,   74,   91,   107,  124,  141,  158,  175,  193,  211,  229,  246,  264,
    283,  301,  320,  338,  357,  376,  395,  414,  434,  454,  473,  493,  513,  534,  555,  575,
    596,  617,  639,  660,  682,  703,  726,  748,  770,  793,  816,  839,  863,  886,  910,  934,
    958,  982,  1007, 1032, 1057, 1083, 1109, 1134, 1161, 1187, 1214, 1241, 1269, 1296, 1324, 1352,
    1380, 1409, 1438, 1468, 1497, 1527, 1557, 1588, 1619, 1650, 1682, 1714, 1747, 1779, 1812, 1845,
    1880, 1914, 1948, 1983, 2019, 2055, 2091, 2128, 2165, 2203, 2241, 2279, 2318, 2357, 2398, 2438,
    2479, 2521, 2562, 2605, 2648, 2692, 2736, 2780, 2826, 2873, 2919, 2966, 3014, 3062, 3112, 3162,
    3211, 3263, 3315, 3368, 3421, 3475, 3532, 3586, 3643, 3702, 3759, 3819, 3879, 3940, 4002, 4066};

// -log(1/2 + i/256), rounded to a multiple of 2^-43, and the rest.
struct Logarithm {
  double high, low;
};

constexpr Logarithm kLogarithms[129] = {
    {0x1.62e42fefa3800p-1, 0x1.ef35793c76730p-45},
    {0x1.5ee82aa241800p-1, 0x1.202380cda46bep-45},
    {0x1.5af405c364800p-1, 0x1.dfa63ac10c9fbp-45},
    {0x1.5707a26bb8c00p-1, 0x1.9980bff3303ddp-47},
    {0x1.5322e26867800p-1, 0x1.5ccc45d257531p-47},
    {0x1.4f45a835a5000p-1, -0x1.e6c516d93b8fbp-45},
    {0x1.4b6fd6f970c00p-1, 0x1.f7115ed4c541cp-49},
    {0x1.47a1527e8a400p-1, -0x1.2cb6af94d60aap-45},
    {0x1.43d9ff2f92400p-1, -0x1.d984f481051f7p-48},
    {0x1.4019c2125cc00p-1, -0x1.6ce7930f0c74cp-45},
    {0x1.3c6080c36c000p-1, -0x1.2b7367cfe13c2p-47},
    {0x1.38ae217197800p-1, -0x1.18b7abb5569a4p-45},
    {0x1.35028ad9d8c00p-1, 0x1.0b83f9527e6acp-46},
    {0x1.315da44340800p-1, -0x1.74e93c5a0ed9cp-45},
    {0x1.2dbf557b0e000p-1, -0x1.7a6e507b9dc11p-46},
    {0x1.2a2786d0ec000p-1, 0x1.06d2be797882dp-45},
    {0x1.269621134dc00p-1, -0x1.b61f105226250p-47},
    {0x1.230b0d8bebc00p-1, 0x1.2fc066e48667bp-46},
    {0x1.1f8635fc61800p-1, -0x1.a7242c9fe81d3p-45},
    {0x1.1c07849ae6000p-1, 0x1.cacdeed70e667p-51},
    {0x1.188ee40f23c00p-1, 0x1.4cc4ef8ab4650p-46},
    {0x1.151c3f6f29800p-1, -0x1.edd97a293ae49p-45},
    {0x1.11af823c75c00p-1, -0x1.58647bb9ddcb2p-45},
    {0x1.0e4898611cc00p-1, 0x1.c299807801742p-46},
    {0x1.0ae76e2d05400p-1, 0x1.f486b887e7e27p-46},
    {0x1.078bf0533c400p-1, 0x1.6812241edf5fdp-45},
    {0x1.04360be760400p-1, -0x1.4c45fe79539e0p-47},
    {0x1.00e5ae5b20800p-1, -0x1.53ba3b1727b1cp-47},
    {0x1.fb358af7a4800p-2, 0x1.085fa3c164935p-47},
    {0x1.f4aa7ee031800p-2, 0x1.2cde56f014a8bp-46},
    {0x1.ee2a156b41000p-2, 0x1.f27f45a470251p-45},
    {0x1.e7b42c3ddb000p-2, -0x1.465505372bd08p-45},
    {0x1.e148a1a272800p-2, -0x1.326b207322938p-46},
    {0x1.dae75484c9800p-2, -0x1.ea42d60dc616ap-46},
    {0x1.d490246def800p-2, 0x1.35bafe9a767a8p-45},
    {0x1.ce42f18064800p-2, -0x1.797c33ec7a6b0p-47},
    {0x1.c7ff9c7455800p-2, -0x1.9b6ddc15249aep-45},
    {0x1.c1c60693fa000p-2, 0x1.cec807fe8e180p-45},
    {0x1.bb9611b80e000p-2, 0x1.7d85bf40a666dp-45},
    {0x1.b56fa04462800p-2, 0x1.095252d841995p-46},
    {0x1.af5295248d000p-2, -0x1.17cc552774458p-45},
    {0x1.a93ed3c8ad800p-2, 0x1.e36f2bea77a5dp-46},
    {0x1.a33440224f800p-2, 0x1.3c6457f9d79f5p-45},
    {0x1.9d32bea15f000p-2, -0x1.6279e10d0c0b0p-45},
    {0x1.973a343135800p-2, -0x1.52313a502d9f0p-46},
    {0x1.914a8635bf800p-2, -0x1.766b52ee6307dp-46},
    {0x1.8b639a88b3000p-2, -0x1.05ae1e5e70470p-45},
    {0x1.85855776dc800p-2, 0x1.fd56f3333778ap-45},
    {0x1.7fafa3bd81800p-2, -0x1.72090c812566ap-45},
    {0x1.79e26687cf800p-2, 0x1.9ec7d2efd1778p-45},
    {0x1.741d876c67800p-2, 0x1.d8b0949dc60b3p-45},
    {0x1.6e60ee6af1800p-2, 0x1.721657c222d87p-46},
    {0x1.68ac83e9c6800p-2, 0x1.0a0d32756eba0p-45},
    {0x1.630030b3ab000p-2, -0x1.db623e731ae00p-45},
    {0x1.5d5bddf596000p-2, -0x1.a0b2a08a465dcp-47},
    {0x1.57bf753c8d000p-2, 0x1.fadedee5d40efp-46},
    {0x1.522ae0738a000p-2, 0x1.ebe708164c759p-45},
    {0x1.4c9e09e173000p-2, -0x1.e20891b0ad8a4p-45},
    {0x1.4718dc271c800p-2, -0x1.f27ce0967d675p-45},
    {0x1.419b423d5e800p-2, 0x1.8e436ec90e09dp-47},
    {0x1.3c25277333000p-2, 0x1.83b54b606bd5cp-46},
    {0x1.36b6776be1000p-2, 0x1.16ecdb0f177c8p-46},
    {0x1.314f1e1d36000p-2, -0x1.8e27ad3213cb8p-45},
    {0x1.2bef07cdc9000p-2, 0x1.a9cfa4a5004f4p-45},
    {0x1.269621134d800p-2, 0x1.c93c1df5bb3b6p-45},
    {0x1.214456d0eb800p-2, 0x1.a87deba46baeap-47},
    {0x1.1bf99635a6800p-2, 0x1.ca6ed5147bdb7p-45},
    {0x1.16b5ccbacf800p-2, 0x1.b9acdf7a51681p-45},
    {0x1.1178e8227e800p-2, -0x1.c210e63a5f01cp-45},
    {0x1.0c42d67616000p-2, 0x1.7188b163ceae9p-45},
    {0x1.07138604d5800p-2, 0x1.89cdb16ed4e91p-48},
    {0x1.01eae5626c800p-2, -0x1.6f08c1485e94ap-46},
    {0x1.f991c6cb3b000p-3, 0x1.bcbecca0cdf30p-46},
    {0x1.ef5ade4dd0000p-3, -0x1.a211565bb8e11p-51},
    {0x1.e530effe71000p-3, 0x1.212276041f430p-51},
    {0x1.db13db0d49000p-3, -0x1.aff2af715b035p-45},
    {0x1.d1037f2656000p-3, -0x1.84a7e75b6f6e4p-47},
    {0x1.c6ffbc6f01000p-3, -0x1.1ec72c5962bd2p-48},
    {0x1.bd087383be000p-3, -0x1.d4bc4595412b6p-45},
    {0x1.b31d8575bd000p-3, -0x1.c358d4eace1aap-47},
    {0x1.a93ed3c8ae000p-3, -0x1.8724350562169p-45},
    {0x1.9f6c407089000p-3, 0x1.9904d6865817ap-45},
    {0x1.95a5adcf70000p-3, 0x1.7f22858a0ff6fp-47},
    {0x1.8beafeb390000p-3, -0x1.73d54aae92cd1p-47},
    {0x1.823c16551a000p-3, 0x1.e0ddb9a631e83p-46},
    {0x1.7898d85445000p-3, -0x1.c661070914305p-46},
    {0x1.6f0128b757000p-3, -0x1.5118de59c21e1p-45},
    {0x1.6574ebe8c1000p-3, 0x1.9cf8b2c3c2e78p-46},
    {0x1.5bf406b544000p-3, -0x1.27023eb68981cp-46},
    {0x1.527e5e4a1b000p-3, 0x1.633e8e5697dc7p-45},
    {0x1.4913d8333b000p-3, 0x1.5837954fdb678p-45},
    {0x1.3fb45a5993000p-3, -0x1.cd1d87e6a354dp-45},
    {0x1.365fcb0159000p-3, 0x1.62fa8234b7289p-51},
    {0x1.2d1610c868000p-3, 0x1.39d6ccb81b4a1p-47},
    {0x1.23d712a49c000p-3, 0x1.00d238fd3df5cp-46},
    {0x1.1aa2b7e23f000p-3, 0x1.ca78e44389934p-45},
    {0x1.1178e8227e000p-3, 0x1.1ef78ce2d07f2p-45},
    {0x1.08598b59e4000p-3, -0x1.7e5dd7009902cp-45},
    {0x1.fe89139dbe000p-4, -0x1.534d64fa10afdp-45},
    {0x1.ec739830a2000p-4, -0x1.dc068afe645e0p-45},
    {0x1.da72763844000p-4, 0x1.a89401fa71733p-46},
    {0x1.c885801bc4000p-4, 0x1.646d1c65aacd3p-45},
    {0x1.b6ac88dad6000p-4, -0x1.390802bf768e5p-46},
    {0x1.a4e7640b1c000p-4, -0x1.e42b6b94407c8p-47},
    {0x1.9335e5d594000p-4, 0x1.3115c3abd47dap-45},
    {0x1.8197e2f40e000p-4, 0x1.f80dcf96ffdf7p-47},
    {0x1.700d30aeac000p-4, 0x1.c1e8da99ded32p-49},
    {0x1.5e95a4d97a000p-4, -0x1.c69063c5d1d1ep-45},
    {0x1.4d3115d208000p-4, -0x1.53a2582f4e1efp-48},
    {0x1.3bdf5a7d1e000p-4, 0x1.cc85ea5db4ed7p-45},
    {0x1.2aa04a4472000p-4, -0x1.0b6e8ae9c697dp-45},
    {0x1.1973bd1466000p-4, -0x1.5325d560d9e9bp-45},
    {0x1.08598b59e4000p-4, -0x1.7e5dd7009902cp-46},
    {0x1.eea31c006c000p-5, -0x1.e113e4fc93b7bp-47},
    {0x1.ccb73cdddc000p-5, -0x1.a68f247d82807p-46},
    {0x1.aaef2d0fb0000p-5, 0x1.0fc1a353bb42ep-45},
    {0x1.894aa149fc000p-5, -0x1.97995d05a267dp-46},
    {0x1.67c94f2d4c000p-5, -0x1.29efbec19afa2p-47},
    {0x1.466aed42e0000p-5, -0x1.c167375bdfd28p-45},
    {0x1.252f32f8d0000p-5, 0x1.83e9ae021b67bp-45},
    {0x1.0415d89e74000p-5, 0x1.111c05cf1d753p-47},
    {0x1.c63d2ec148000p-6, 0x1.578c63f9eb2f3p-45},
    {0x1.8492528c90000p-6, -0x1.aa0ba325a0c34p-45},
    {0x1.432a925980000p-6, 0x1.98139928637fep-47},
    {0x1.0205658938000p-6, -0x1.3dc5b06e2f7d2p-45},
    {0x1.82448a3890000p-7, -0x1.75577da74f640p-45},
    {0x1.0101575890000p-7, -0x1.0c76b999d2be8p-46},
    {0x1.0080559580000p-8, 0x1.166afcb31c67bp-45},
    {0, 0},
};

}  // namespace

// The table based algorithm of Intel's math library, which HotSpot uses on x86-64 (its description and
// constants are published with the BSD licensed libm of Android, x86_64/e_log.S): x = 2^k m, b the reciprocal
// of m in 8 bits, r = b m - 1, and log(x) = k ln2 - log(b) + p(r). The order of the additions is what makes
// the bits equal.
double java_log(double x) {
  if (std::isnan(x)) return x;
  if (x == 0) return -std::numeric_limits<double>::infinity();
  if (x < 0) return std::numeric_limits<double>::quiet_NaN();
  if (std::isinf(x)) return x;
  int k = -1023;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    k -= 54;
  }
  auto bits = std::bit_cast<std::uint64_t>(x);
  k += static_cast<int>(bits >> 52);
  bits = (bits & 0xfffffffffffffU) | std::bit_cast<std::uint64_t>(1.0);
  double m = std::bit_cast<double>(bits);
  double top = std::bit_cast<double>(bits & 0xffffe00000000000U);  // so short that top * b has no rounding
  auto start = static_cast<std::uint16_t>(bits >> 40 & 0xfff);
  std::ptrdiff_t i = std::end(kStarts) - std::upper_bound(kStarts, std::end(kStarts), start);
  double b = 0.5 + static_cast<double>(i) / 256;
  double r = (m - top) * b + (top * b - 1);

  double whole = kLogarithms[i].high + k * 0x1.62e42fefa3800p-1;
  double sum = whole + r;
  double lost = r + (whole - sum);
  double r2 = r * r;
  double high =
      ((-0x1.5555e3d6fb175p-3 * r + 0x1.999999999999ap-3) * r + 0x1.2492492492492p-3 * r * r2) * (r2 * r2);
  double low = (0x1.5555555555555p-2 * r - 0.5 - 0.25 * r2) * r2;
  return sum + (lost + (k * 0x1.ef35793c76730p-45 + kLogarithms[i].low) + high + low);
}

}  // namespace mojo
