// Large pages for large arrays that are read at random: their addresses then fit the processor's tables.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mojo {

// Room for `size` elements, in large pages where the system has them. Only before the room is touched.
template <class T>
void reserve_in_huge_pages(std::vector<T>& room, std::size_t size) {
  room.reserve(size);
#ifdef MADV_HUGEPAGE
  constexpr std::uintptr_t page = std::uintptr_t{2} << 20;
  std::uintptr_t first = (reinterpret_cast<std::uintptr_t>(room.data()) + page - 1) / page * page;
  std::uintptr_t end = reinterpret_cast<std::uintptr_t>(room.data() + room.capacity()) / page * page;
  if (first < end) madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);  // a wish: may fail
#endif
}

}  // namespace mojo
