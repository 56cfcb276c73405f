// A compressed tree and what explanations read besides: a byte for the format's version, the length of the
// tree in two bytes, the tree, its nodes' ids and weights.
#include "try_model.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  constexpr const char* versions[] = {"1.20", "1.30", "1.40"};
  std::string ini = mojo::fuzz::make_tree_ini(versions[data[0] % std::size(versions)]);
  std::string_view both(reinterpret_cast<const char*>(data) + 3, size - 3);
  std::string_view tree = both.substr(0, data[1] + std::size_t{256} * data[2]);
  mojo::fuzz::try_model(mojo::fuzz::store({{"model.ini", ini},
                                           {"domains/d000.txt", "a\nb\n"},
                                           {"trees/t00_000.bin", tree},
                                           {"trees/t00_000_aux.bin", both.substr(tree.size())}}));
  return 0;
}
