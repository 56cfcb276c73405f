#include "domain.hpp"

#include <functional>
#include <limits>
#include <utility>

#include "errors.hpp"

namespace mojo {

void Domain::reserve(std::size_t levels, std::size_t bytes) {
  ends_.reserve(levels);
  text_.reserve(bytes);
}

void Domain::push_back(std::string_view level) {
  if (level.size() > std::numeric_limits<std::uint32_t>::max() - text_.size())
    throw FormatError("the levels of one column are more than 4 GB of text");
  text_ += level;
  ends_.push_back(static_cast<std::uint32_t>(text_.size()));
}

LevelTable::LevelTable(const Domain& domain) : domain_(&domain), slots_(4, kNone) {
  for (std::uint32_t level = 0; level < domain.size(); ++level) {
    std::size_t slot = slot_of(domain[level]);
    if (slots_[slot] == kNone && 4 * ++used_ > 3 * slots_.size()) {
      grow();
      slot = slot_of(domain[level]);
    }
    slots_[slot] = level;
  }
}

std::size_t LevelTable::slot_of(std::string_view level) const {
  std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<std::string_view>()(level) & mask;
  while (slots_[slot] != kNone && (*domain_)[slots_[slot]] != level) slot = (slot + 1) & mask;
  return slot;
}

void LevelTable::grow() {
  std::vector<std::uint32_t> before = std::exchange(slots_, {});
  slots_.assign(2 * before.size(), kNone);
  for (std::uint32_t level : before) {
    if (level != kNone) slots_[slot_of((*domain_)[level])] = level;
  }
}

}  // namespace mojo
