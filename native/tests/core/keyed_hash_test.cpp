// SipHash-1-3 against hash() of CPython 3.11, the same function: with PYTHONHASHSEED=0 its key is 0.
#include "keyed_hash.hpp"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace mojo {
namespace {

bool check(std::string_view text, std::uint64_t python) {
  std::uint64_t hash = sip_hash({0, 0}, text);
  if (hash != python) std::printf("%s: %016" PRIx64 ", Python %016" PRIx64 "\n", text.data(), hash, python);
  return hash == python;
}

}  // namespace
}  // namespace mojo

int main() {
  // hash(text.encode()) & 2**64 - 1
  bool all = mojo::check("a", 0x407448d2b89b1813U);
  all &= mojo::check("no", 0x401451a107dc42ceU);
  all &= mojo::check("red", 0xa90204d1394caf30U);
  all &= mojo::check("green", 0x955a2ebd2fb142aeU);
  all &= mojo::check("seven b", 0xab2262fcb5199654U);
  all &= mojo::check("eight by", 0xd54cf3f0e0ee2aadU);
  all &= mojo::check("levels of a column", 0xdb99c1a204c69748U);
  return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
