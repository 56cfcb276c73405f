// XGBoost's binary model; the first byte chooses the booster that model.ini names.
#include "try_model.hpp"

namespace {

constexpr const char* kBoosters[] = {"gbtree", "dart", "gblinear"};

constexpr const char* kSettings = R"(prior_class_distrib = null
model_class_distrib = null
nums = 2
cats = 1
cat_offsets = [0, 3]
use_all_factor_levels = true
sparse = false
ntrees = 1
has_offset = false
)";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string kind = kBoosters[data[0] % std::size(kBoosters)];
  std::string ini = mojo::fuzz::make_ini("XGBoost", "1.10", kSettings + ("booster = " + kind + "\n"));
  std::string_view booster(reinterpret_cast<const char*>(data) + 1, size - 1);
  mojo::fuzz::try_model(
      mojo::fuzz::store({{"model.ini", ini}, {"domains/d000.txt", "a\nb\n"}, {"boosterBytes", booster}}));
  return 0;
}
