// The only file with x86 instructions. They stand in functions of this file alone, so that no shared function
// is ever compiled for AVX2.
#include "slice_kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

namespace mojo {
namespace {

#define MOJO_AVX2 __attribute__((target("avx2,popcnt")))

MOJO_AVX2 void widen(const std::uint8_t* bits, std::size_t words, std::uint8_t* out) {
  const __m256i spread = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,  //
                                          2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
  const __m256i bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201ULL));
  const __m256i one = _mm256_set1_epi8(1);
  for (std::size_t i = 0; i < words; ++i) {
    int four;
    std::memcpy(&four, bits + 4 * i, sizeof four);
    __m256i copies = _mm256_shuffle_epi8(_mm256_set1_epi32(four), spread);
    __m256i answers = _mm256_min_epu8(_mm256_and_si256(copies, bit), one);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 32 * i), answers);
  }
}

MOJO_AVX2 std::uint32_t count_reached(const float* thresholds, std::uint32_t count, float value) {
  const __m256 values = _mm256_set1_ps(value);
  std::uint32_t reached = 0;
  for (std::uint32_t i = 0; i < count; i += 8) {
    __m256 below = _mm256_cmp_ps(_mm256_loadu_ps(thresholds + i), values, _CMP_LE_OQ);
    reached += static_cast<std::uint32_t>(_mm_popcnt_u32(static_cast<unsigned>(_mm256_movemask_ps(below))));
  }
  return reached;
}

MOJO_AVX2 void meet(const Word* lines, const std::uint16_t* const* places, std::size_t runs,
                    std::size_t first, Word* left) {
  meet_body(lines, places, runs, first, left);
}

template <int Words>
MOJO_AVX2 void turn(const std::uint8_t* const* rows, std::size_t questions, Word* out) {
  turn_body<Words>(rows, questions, out);
}

template <int Words>
MOJO_AVX2 void follow(const SliceSplit* splits, const SliceBottom* bottoms, const std::uint16_t* level_sizes,
                      int depth, const Word* answers, Word* masks, Word* planes) {
  follow_body<Words>(splits, bottoms, level_sizes, depth, answers, masks, planes);
}

template <int Words>
MOJO_AVX2 void number_rows(const Word* planes, int depth, std::uint16_t* numbers) {
  number_rows_body<Words>(planes, depth, numbers);
}

constexpr Kernels kAvx2Kernels = {widen,
                                  count_reached,
                                  meet,
                                  {4, turn<4>, follow<4>, number_rows<4>},
                                  {8, turn<8>, follow<8>, number_rows<8>}};

}  // namespace

const Kernels* find_x86_kernels() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") ? &kAvx2Kernels : nullptr;
}

}  // namespace mojo

#else

namespace mojo {

const Kernels* find_x86_kernels() { return nullptr; }

}  // namespace mojo

#endif
