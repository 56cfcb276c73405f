// The order in which java.util.HashMap walks its keys: sums over it depend on it in their last bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace mojo {

// String.hashCode of UTF-8 text.
std::int32_t java_hash(std::string_view text);

// Positions of the keys in the order of the map, given their hash codes in the order they were put. The hash
// code of an Integer is its value. Exact unless nine keys share a bucket, where Java begins to sort them.
std::vector<std::size_t> java_hash_map_order(const std::vector<std::int32_t>& hashes);

}  // namespace mojo
