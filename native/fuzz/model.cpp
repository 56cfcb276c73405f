// Every decoder: the input is a list of entries, each a length byte, the name, four bytes of size and the
// content.
#include <algorithm>
#include <cstring>

#include "try_model.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view left(reinterpret_cast<const char*>(data), size);
  std::vector<mojo::fuzz::Entry> entries;
  auto take = [&](std::size_t wanted) {
    std::string_view part = left.substr(0, wanted);
    left.remove_prefix(part.size());
    return part;
  };
  while (!left.empty() && entries.size() < 1'000) {
    std::string name(take(static_cast<std::uint8_t>(take(1)[0])));
    std::uint32_t wanted = 0;
    std::string_view field = take(4);
    std::memcpy(&wanted, field.data(), field.size());
    entries.push_back({std::move(name), take(wanted)});
  }
  mojo::fuzz::try_model(mojo::fuzz::store(entries));
  return 0;
}
