#include "keyed_hash.hpp"

#include <bit>
#include <cstring>
#include <random>

namespace mojo {
namespace {

class SipState {
 public:
  explicit SipState(SipKey key)
      : a_(key.low ^ 0x736f6d6570736575U),
        b_(key.high ^ 0x646f72616e646f6dU),
        c_(key.low ^ 0x6c7967656e657261U),
        d_(key.high ^ 0x7465646279746573U) {}

  void add(std::uint64_t word) {
    d_ ^= word;
    turn();
    a_ ^= word;
  }

  std::uint64_t finish() {
    c_ ^= 0xff;
    for (int i = 0; i < 3; ++i) turn();
    return a_ ^ b_ ^ c_ ^ d_;
  }

 private:
  void turn() {
    a_ += b_;
    c_ += d_;
    b_ = std::rotl(b_, 13) ^ a_;
    d_ = std::rotl(d_, 16) ^ c_;
    a_ = std::rotl(a_, 32);
    c_ += b_;
    a_ += d_;
    b_ = std::rotl(b_, 17) ^ c_;
    d_ = std::rotl(d_, 21) ^ a_;
    c_ = std::rotl(c_, 32);
  }

  std::uint64_t a_, b_, c_, d_;
};

template <class Number>
std::uint64_t load(const char* at) {
  Number number;
  std::memcpy(&number, at, sizeof number);
  return number;
}

// The last bytes of a text, fewer than 8, in loads that overlap: most levels are as short.
std::uint64_t load_rest(const char* at, std::size_t size) {
  if (size >= 4) return load<std::uint32_t>(at) | load<std::uint32_t>(at + size - 4) << 8 * (size - 4);
  if (size == 0) return 0;
  std::size_t middle = size / 2, end = size - 1;
  return load<std::uint8_t>(at) | load<std::uint8_t>(at + middle) << 8 * middle |
         load<std::uint8_t>(at + end) << 8 * end;
}

SipKey draw_key() {
  std::random_device device;
  auto word = [&device] { return std::uint64_t{device()} << 32 | device(); };
  return {word(), word()};
}

using Wide = unsigned __int128;

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  Wide product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

SipKey process_key() {
  static const SipKey key = draw_key();
  return key;
}

}  // namespace

std::uint64_t sip_hash(SipKey key, std::string_view bytes) {
  SipState state(key);
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) state.add(load<std::uint64_t>(at));
  state.add(std::uint64_t{bytes.size()} << 56 | load_rest(at, left));
  return state.finish();
}

std::uint64_t keyed_hash(std::string_view bytes) { return sip_hash(process_key(), bytes); }

// A forest asks a million times while it is loaded, so this is a product with a secret factor, folded: what
// collides is unknown without the key, as with SipHash, though no cipher stands behind it.
std::uint64_t keyed_hash(std::span<const std::uint64_t> words) {
  SipKey key = process_key();
  std::uint64_t hash = key.low;
  for (std::uint64_t word : words) hash = fold(hash ^ word, key.high | 1);
  return hash;
}

std::uint64_t keyed_hash(std::uint64_t word) { return keyed_hash(std::span(&word, 1)); }

}  // namespace mojo
