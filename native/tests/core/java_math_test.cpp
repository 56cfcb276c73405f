// exp, log and java.util.Random against Java 17 on x86-64: 200,000 results of each, as the hash that
//   Random r = new Random(1); long h = 0;
//   for (int i = 0; i < 200000; i++) h = 31 * h + Double.doubleToLongBits(Math.exp((2 * r.nextDouble() - 1) *
//   scale));
// leaves there; likewise for the others.
#include "java_math.hpp"

#include <bit>
#include <cinttypes>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "java_numbers.hpp"

namespace mojo {
namespace {

template <class Draw>
std::uint64_t hash_of(Draw draw) {
  JavaRandom random(1);
  std::uint64_t hash = 0;
  for (std::int32_t i = 1; i <= 200'000; ++i) hash = 31 * hash + draw(random, i);
  return hash;
}

bool check(const char* what, std::uint64_t hash, std::uint64_t java) {
  if (hash != java) std::printf("%s: %016" PRIx64 ", Java %016" PRIx64 "\n", what, hash, java);
  return hash == java;
}

bool check_exp(const char* what, double scale, std::uint64_t java) {
  auto draw = [scale](JavaRandom& random, std::int32_t) {
    return std::bit_cast<std::uint64_t>(java_exp((2 * random.next_double() - 1) * scale));
  };
  return check(what, hash_of(draw), java);
}

bool check_log() {
  auto small = [](JavaRandom& random, std::int32_t) {
    return std::bit_cast<std::uint64_t>(java_log(random.next_double()));
  };
  auto near_one = [](JavaRandom& random, std::int32_t) {
    return std::bit_cast<std::uint64_t>(java_log(0.9 + 0.2 * random.next_double()));
  };
  bool good = check("log, below 1", hash_of(small), 0x2c0d45df8c25e819);
  return check("log, near 1", hash_of(near_one), 0x4c74869c905ec925) && good;
}

// Where the C library's exp differs, and the ends of the range.
bool check_samples() {
  constexpr double samples[][2] = {
      {-0x1.3520e58f3f359p-5, 0x1.ed0a1a12abadfp-1},
      {-0x1.865d1573cd502p-1, 0x1.ddba88771564cp-2},
      {0x1.cbc0bap+0, 0x1.8198d08fe586dp+2},
      {-0x1.748cccccccccdp9, 0x0.0000000000001p-1022},
      {-0x1.6233333333333p9, 0x0.ff15b469edf89p-1022},
      {-0x1.62cp9, 0x0.54e90c99fb878p-1022},
      {0x1.62e3d70a3d70ap9, 0x1.fe9ce5c4c52b4p1023},
      {-0x1p-55, 1},
      {-1024, 0},
      {1e300, HUGE_VAL},
  };
  bool good = true;
  for (const double* sample : samples) {
    double value = java_exp(sample[0]);
    if (value == sample[1]) continue;
    std::printf("exp(%a): %a, Java %a\n", sample[0], value, sample[1]);
    good = false;
  }
  return good;
}

}  // namespace
}  // namespace mojo

int main() {
  using mojo::JavaRandom;
  bool good = mojo::check_samples();
  good &= mojo::check_exp("exp, small arguments", 1, 0xef056eeed88ed48e);
  good &= mojo::check_exp("exp, usual arguments", 30, 0xf337b9c80cff110a);
  good &= mojo::check_exp("exp, all arguments", 760, 0xd6ff1886c214e6b3);
  good &= mojo::check_log();
  auto log = [](JavaRandom& random, std::int32_t) {
    return std::bit_cast<std::uint64_t>(mojo::strict_log(random.next_double()));
  };
  good &= mojo::check("StrictMath.log", mojo::hash_of(log), 0x9bf762604df23923);
  auto gaussian = [](JavaRandom& random, std::int32_t) {
    return std::bit_cast<std::uint64_t>(random.next_gaussian());
  };
  good &= mojo::check("nextGaussian", mojo::hash_of(gaussian), 0x70a50c7cc513bb2a);
  auto integer = [](JavaRandom& random, std::int32_t bound) {
    return static_cast<std::uint64_t>(random.next_int(bound));
  };
  good &= mojo::check("nextInt", mojo::hash_of(integer), 0xa1da95c080c39166);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
