#include "java_hash_map.hpp"

#include <algorithm>
#include <numeric>

namespace mojo {

std::int32_t java_hash(std::string_view text) {
  std::uint32_t hash = 0;
  auto add = [&hash](std::uint32_t unit) { hash = 31 * hash + unit; };
  for (std::size_t i = 0; i < text.size();) {
    auto byte = static_cast<unsigned char>(text[i]);
    std::size_t length = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    std::uint32_t code = length == 1 ? byte : byte & (0x7fU >> length);
    for (std::size_t k = 1; k < length && i + k < text.size(); ++k)
      code = code << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3f);
    if (code < 0x10000) {
      add(code);
    } else {
      add(0xd800 + ((code - 0x10000) >> 10));
      add(0xdc00 + ((code - 0x10000) & 0x3ff));
    }
    i += length;
  }
  return static_cast<std::int32_t>(hash);
}

std::vector<std::size_t> java_hash_map_order(const std::vector<std::int32_t>& hashes) {
  std::size_t buckets = 16;
  while (hashes.size() > buckets / 4 * 3) buckets *= 2;
  auto bucket = [&](std::size_t key) {
    auto hash = static_cast<std::uint32_t>(hashes[key]);
    return (hash ^ hash >> 16) & (buckets - 1);
  };
  std::vector<std::size_t> order(hashes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return bucket(a) < bucket(b); });
  return order;
}

}  // namespace mojo
