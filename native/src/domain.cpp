#include "domain.hpp"

#include <limits>

#include "errors.hpp"
#include "keyed_hash.hpp"

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

LevelTable::LevelTable(const Domain& domain) : domain_(&domain), slots_(domain.size() / 3 * 4 + 4, kNone) {
  for (std::uint32_t level = 0; level < domain.size(); ++level) slots_[slot_of(domain[level])] = level;
}

std::size_t LevelTable::slot_of(std::string_view level) const {
  std::uint64_t high = keyed_hash(level) >> 32;
  std::size_t slot = high * slots_.size() >> 32;
  while (slots_[slot] != kNone && (*domain_)[slots_[slot]] != level)
    slot = slot + 1 == slots_.size() ? 0 : slot + 1;
  return slot;
}

}  // namespace mojo
