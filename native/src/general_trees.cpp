#include "general_trees.hpp"

namespace mojo {

void GeneralTrees::shrink() {
  places_.shrink_to_fit();
  leaves_.shrink_to_fit();
  roots_.shrink_to_fit();
}

std::size_t GeneralTrees::nbytes() const {
  return places_.capacity() * sizeof(Place) + leaves_.capacity() * sizeof(float) +
         roots_.capacity() * sizeof(std::uint32_t);
}

template <int Lanes, class Sum>
void GeneralTrees::add_lanes(const std::uint8_t* answers, const std::uint32_t* roots, Sum& sum) const {
  std::uint32_t at[Lanes];
  for (int i = 0; i < Lanes; ++i) at[i] = roots[i];
  for (bool walking = true; walking;) {
    for (int step = 0; step < 4; ++step) {
      for (int i = 0; i < Lanes; ++i) at[i] = places_[at[i]].child + answers[places_[at[i]].question];
    }
    walking = false;
    for (int i = 0; i < Lanes; ++i) walking |= places_[at[i]].child != at[i];
  }
  for (int i = 0; i < Lanes; ++i) sum += static_cast<Sum>(leaves_[at[i]]);
}

template <class Sum>
void GeneralTrees::add(const std::uint8_t* answers, std::size_t first, std::size_t last, Sum& sum) const {
  std::size_t tree = first;
  for (; tree + 16 <= last; tree += 16) add_lanes<16>(answers, &roots_[tree], sum);
  for (; tree + 4 <= last; tree += 4) add_lanes<4>(answers, &roots_[tree], sum);
  for (; tree < last; ++tree) add_lanes<1>(answers, &roots_[tree], sum);
}

template void GeneralTrees::add(const std::uint8_t*, std::size_t, std::size_t, float&) const;
template void GeneralTrees::add(const std::uint8_t*, std::size_t, std::size_t, double&) const;

}  // namespace mojo
