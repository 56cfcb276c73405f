#include "bit_slices.hpp"

#include <algorithm>

#include "huge_pages.hpp"

namespace mojo {

void BitSlices::finish() {
  splits_.shrink_to_fit();
  bottoms_.shrink_to_fit();
  level_sizes_.shrink_to_fit();
  starts_.shrink_to_fit();
}

std::size_t BitSlices::nbytes() const {
  return splits_.capacity() * sizeof(SliceSplit) + bottoms_.capacity() * sizeof(SliceBottom) +
         level_sizes_.capacity() * sizeof(std::uint16_t) + starts_.capacity() * sizeof(Start);
}

const SliceKernels& BitSlices::Pass::kernels_for(std::size_t rows) {
  const Kernels& kernels = choose_kernels();
  return rows > 64 * kernels.narrow.words ? kernels.wide : kernels.narrow;
}

BitSlices::Pass::Pass(const BitSlices& slices, const ConditionTable& table, const double* values,
                      std::size_t row_stride, std::size_t rows, std::vector<Word>& room)
    : slices_(slices), kernels_(kernels_for(rows)), rows_(std::min(rows, 64 * kernels_.words)) {
  constexpr std::size_t line = 64 / sizeof(Word);
  // The last split writes both children's masks before it knows that they are leaves.
  std::size_t vectors = table.size() + slices.most_masks_ + 2;
  std::size_t needed = vectors * kernels_.words + line;
  if (room.capacity() < needed) {
    room = {};  // nothing in it is to be kept
    reserve_in_huge_pages(room, needed);
  }
  room.resize(std::max(room.size(), needed));
  answers_ = room.data();
  while (reinterpret_cast<std::uintptr_t>(answers_) % 64 != 0) ++answers_;
  masks_ = answers_ + table.size() * kernels_.words;
  table.answer_slices(values, row_stride, rows_, kernels_, answers_);
}

const std::uint16_t* BitSlices::Pass::follow(std::size_t tree) {
  const BitSlices::Start& start = slices_.starts_[tree];
  kernels_.follow(slices_.splits_.data() + start.split, slices_.bottoms_.data() + start.bottom,
                  &slices_.level_sizes_[tree * slices_.levels()], slices_.depth_, answers_, masks_, planes_);
  kernels_.number_rows(planes_, slices_.depth_, numbers_);
  return numbers_;
}

}  // namespace mojo
