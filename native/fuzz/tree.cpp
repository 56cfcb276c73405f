// One compressed tree; the first byte chooses the format's version.
#include "try_model.hpp"

namespace {

constexpr const char* kVersions[] = {"1.00", "1.10", "1.20", "1.30", "1.40"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const char* version = kVersions[data[0] % std::size(kVersions)];
  std::string ini = mojo::fuzz::make_tree_ini(version);
  std::string_view tree(reinterpret_cast<const char*>(data) + 1, size - 1);
  mojo::fuzz::try_model(
      mojo::fuzz::store({{"model.ini", ini}, {"domains/d000.txt", "a\nb\n"}, {"trees/t00_000.bin", tree}}));
  return 0;
}
