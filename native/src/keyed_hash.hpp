// Hashes of what a file holds, with a key that each process draws by chance: whoever writes a file cannot
// choose texts or numbers that collide, which would make a table of them quadratic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace mojo {

struct SipKey {
  std::uint64_t low, high;
};

// SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF").
std::uint64_t sip_hash(SipKey key, std::string_view bytes);

// By the key of this process: SipHash of a text, a product for words, of which a table's keys have equally many.
std::uint64_t keyed_hash(std::string_view bytes);
std::uint64_t keyed_hash(std::span<const std::uint64_t> words);
std::uint64_t keyed_hash(std::uint64_t word);

// For the containers of the standard library.
struct KeyedHash {
  std::size_t operator()(std::string_view text) const { return keyed_hash(text); }
  std::size_t operator()(std::uint64_t number) const { return keyed_hash(number); }
};

}  // namespace mojo
