#include "try_model.hpp"

#include <zlib.h>

#include <limits>

#include "errors.hpp"
#include "model.hpp"
#include "zip_archive.hpp"

namespace mojo::fuzz {
namespace {

// Small enough that a file which lies about its size is caught by the limit and not by the machine's memory.
Limits fuzz_limits() {
  Limits limits;
  limits.entries = 2'000;
  limits.entry_bytes = limits.total_bytes = 16u << 20;
  limits.columns = 2'000;
  limits.classes = 100;
  limits.trees = 10'000;
  return limits;
}

void put(std::vector<std::uint8_t>& out, std::uint64_t value, int bytes) {
  for (; bytes > 0; --bytes, value >>= 8) out.push_back(static_cast<std::uint8_t>(value));
}

void put(std::vector<std::uint8_t>& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

// The fields that local header and directory share: versions, flags, stored, no time, checksum, sizes, name.
void put_header(std::vector<std::uint8_t>& out, const Entry& entry) {
  put(out, 20, 2);
  put(out, 0, 2);
  put(out, 0, 2);
  put(out, 0, 4);
  put(out,
      crc32(0, reinterpret_cast<const Bytef*>(entry.content.data()), static_cast<uInt>(entry.content.size())),
      4);
  put(out, entry.content.size(), 4);
  put(out, entry.content.size(), 4);
  put(out, entry.name.size(), 2);
  put(out, 0, 2);
}

// Calls `try_row` with rows of the same value everywhere; what a row is refused for is no finding.
template <class TryRow>
void try_rows(std::size_t width, TryRow try_row) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kValues[] = {0, kNaN, 1e308, -1e308, 3, 1000, -1, 0.5};
  for (double value : kValues) {
    try {
      try_row(std::vector<double>(width, value));
    } catch (const RowError&) {
    }
  }
}

void score_rows(const Model& model) {
  std::vector<double> out(model.n_outputs());
  std::int32_t label = 0;
  double offset = 0.25;
  try_rows(model.n_features(), [&](const std::vector<double>& row) {
    model.score(row, out, &label, model.offset_column() ? &offset : nullptr);
  });
}

// One kind of explanation, which may be refused for all rows.
template <class Value>
void explain_rows(const Model& model, const Explainer& explainer,
                  std::vector<std::string> (Explainer::*names)() const,
                  void (Explainer::*question)(const double*, Value*) const) {
  try {
    std::vector<Value> out((explainer.*names)().size());
    try_rows(model.info().n_features,
             [&](const std::vector<double>& row) { (explainer.*question)(row.data(), out.data()); });
  } catch (const UnsupportedError&) {
  }
}

void explain_rows(const Model& model, const Explainer& explainer) {
  explain_rows<float>(model, explainer, &Explainer::contribution_names, &Explainer::contribute);
  explain_rows<LeafPlace>(model, explainer, &Explainer::tree_names, &Explainer::find_leaves);
  explain_rows<double>(model, explainer, &Explainer::stage_names, &Explainer::predict_stages);
}

}  // namespace

std::vector<std::uint8_t> store(const std::vector<Entry>& entries) {
  std::vector<std::uint8_t> out;
  std::vector<std::size_t> offsets;
  for (const Entry& entry : entries) {
    offsets.push_back(out.size());
    put(out, "PK\3\4");
    put_header(out, entry);
    put(out, entry.name);
    put(out, entry.content);
  }
  std::size_t directory = out.size();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    put(out, "PK\1\2");
    put(out, 20, 2);
    put_header(out, entries[i]);
    put(out, 0, 10);  // comment, disk, attributes
    put(out, offsets[i], 4);
    put(out, entries[i].name);
  }
  std::size_t size = out.size() - directory;
  put(out, "PK\5\6");
  put(out, 0, 4);
  put(out, entries.size(), 2);
  put(out, entries.size(), 2);
  put(out, size, 4);
  put(out, directory, 4);
  put(out, 0, 2);
  return out;
}

std::string make_ini(const std::string& algorithm, const std::string& version, const std::string& settings) {
  return "[info]\nalgorithm = " + algorithm + "\nmojo_version = " + version + R"(
h2o_version = 3.46.0.11
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
escape_domain_values = true
)" + settings +
         R"([columns]
c
a
b
y
[domains]
0: 2 d000.txt
)";
}

std::string make_tree_ini(const std::string& version) {
  return make_ini("Gradient Boosting Machine", version, R"(prior_class_distrib = [1.0]
model_class_distrib = [1.0]
n_trees = 1
n_trees_per_class = 1
distribution = gaussian
link_function = identity
init_f = 0.5
_genmodel_encoding = AUTO
)");
}

void try_model(std::span<const std::uint8_t> bytes) {
  try {
    ZipArchive archive(bytes, fuzz_limits());
    std::unique_ptr<Model> model = read_model(archive, "", fuzz_limits());
    score_rows(*model);
    std::unique_ptr<Explainer> explainer =
        model->scorer().explainer({archive, "", model->info(), fuzz_limits()});
    if (explainer) explain_rows(*model, *explainer);
  } catch (const Error&) {
  }
}

}  // namespace mojo::fuzz
