// The container: the input is the file.
#include "try_model.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mojo::fuzz::try_model({data, size});
  return 0;
}
