// The text of model.ini, with one domain file at hand.
#include "try_model.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  mojo::fuzz::try_model(mojo::fuzz::store({{"model.ini", text}, {"domains/d000.txt", "a\nb\n"}}));
  return 0;
}
