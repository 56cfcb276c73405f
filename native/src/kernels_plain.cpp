#include <cstdlib>
#include <cstring>

#include "slice_kernels.hpp"

namespace mojo {
namespace {

void widen(const std::uint8_t* bits, std::size_t words, std::uint8_t* out) {
  for (std::size_t i = 0; i < 4 * words; ++i) {
    // Copies of the byte, shifted so that each keeps one bit in its lowest place.
    std::uint64_t low = (bits[i] & 0x7fU) * 0x0002040810204081U & 0x0001010101010101U;
    std::uint64_t eight = low | std::uint64_t{bits[i]} >> 7 << 56;
    std::memcpy(out + 8 * i, &eight, sizeof eight);
  }
}

std::uint32_t count_reached(const float* thresholds, std::uint32_t count, float value) {
  using Floats = float __attribute__((vector_size(16)));
  using Masks = std::int32_t __attribute__((vector_size(16)));
  Masks reached{};
  for (std::uint32_t i = 0; i < count; i += 4) {
    Floats t;
    std::memcpy(&t, thresholds + i, sizeof t);
    reached += t <= Floats{} + value;
  }
  return static_cast<std::uint32_t>(-(reached[0] + reached[1] + reached[2] + reached[3]));
}

void meet(const Word* lines, const std::uint16_t* const* places, std::size_t runs, std::size_t first,
          Word* left) {
  meet_body(lines, places, runs, first, left);
}

template <int Words>
void turn(const std::uint8_t* const* rows, std::size_t questions, Word* out) {
  turn_body<Words>(rows, questions, out);
}

template <int Words>
void follow(const SliceSplit* splits, const SliceBottom* bottoms, const std::uint16_t* level_sizes, int depth,
            const Word* answers, Word* masks, Word* planes) {
  follow_body<Words>(splits, bottoms, level_sizes, depth, answers, masks, planes);
}

template <int Words>
void number_rows(const Word* planes, int depth, std::uint16_t* numbers) {
  number_rows_body<Words>(planes, depth, numbers);
}

}  // namespace

const Kernels kPlainKernels = {widen,
                               count_reached,
                               meet,
                               {4, turn<4>, follow<4>, number_rows<4>},
                               {8, turn<8>, follow<8>, number_rows<8>}};

const Kernels& choose_kernels() {
  static const Kernels& chosen = [&]() -> const Kernels& {
    const char* wanted = std::getenv("MOJO_SCORER_ISA");
    const Kernels* x86 = wanted && std::strcmp(wanted, "scalar") == 0 ? nullptr : find_x86_kernels();
    return x86 ? *x86 : kPlainKernels;
  }();
  return chosen;
}

}  // namespace mojo
