// One compressed tree; the first byte chooses the format's version.
#include "try_model.hpp"

namespace {

constexpr const char* kVersions[] = {"1.00", "1.10", "1.20", "1.30", "1.40"};

std::string make_ini(const char* version) {
  return std::string("[info]\nmojo_version = ") + version + R"(
h2o_version = 3.46.0.11
algorithm = Gradient Boosting Machine
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
prior_class_distrib = [1.0]
model_class_distrib = [1.0]
escape_domain_values = true
n_trees = 1
n_trees_per_class = 1
distribution = gaussian
link_function = identity
init_f = 0.5
[columns]
a
b
c
y
[domains]
1: 2 d000.txt
)";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string ini = make_ini(kVersions[data[0] % std::size(kVersions)]);
  std::string_view tree(reinterpret_cast<const char*>(data) + 1, size - 1);
  mojo::fuzz::try_model(
      mojo::fuzz::store({{"model.ini", ini}, {"domains/d000.txt", "a\nb\n"}, {"trees/t00_000.bin", tree}}));
  return 0;
}
