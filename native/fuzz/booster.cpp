// XGBoost's binary model; the first byte chooses the booster that model.ini names.
#include "try_model.hpp"

namespace {

constexpr const char* kBoosters[] = {"gbtree", "dart", "gblinear"};

std::string make_ini(const char* booster) {
  return std::string("[info]\nbooster = ") + booster + R"(
h2o_version = 3.46.0.11
mojo_version = 1.10
algorithm = XGBoost
endianness = LITTLE_ENDIAN
category = Regression
uuid = 1
supervised = true
n_features = 3
n_classes = 1
n_columns = 4
n_domains = 1
balance_classes = false
default_threshold = 0.5
prior_class_distrib = null
model_class_distrib = null
escape_domain_values = true
nums = 2
cats = 1
cat_offsets = [0, 3]
use_all_factor_levels = true
sparse = false
ntrees = 1
has_offset = false
[columns]
c
a
b
y
[domains]
0: 2 d000.txt
)";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string ini = make_ini(kBoosters[data[0] % std::size(kBoosters)]);
  std::string_view booster(reinterpret_cast<const char*>(data) + 1, size - 1);
  mojo::fuzz::try_model(
      mojo::fuzz::store({{"model.ini", ini}, {"domains/d000.txt", "a\nb\n"}, {"boosterBytes", booster}}));
  return 0;
}
