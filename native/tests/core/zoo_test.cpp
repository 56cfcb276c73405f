// The core without Python: every model of the zoo loads, scores as genmodel did, alike alone and in a block,
// and allocates no more than its file may ask for. Damaged copies end in the scorer's own errors.
//   zoo_test ZOO_DIR
#include <malloc.h>
#include <zlib.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "errors.hpp"
#include "java_numbers.hpp"
#include "model.hpp"
#include "zip_archive.hpp"

namespace {

std::atomic<std::size_t> live_bytes{0};
std::atomic<std::size_t> peak_bytes{0};

}  // namespace

// Counts what is alive, to hold loading against the size of its file.
void* operator new(std::size_t size) {
  void* made = std::malloc(size);
  if (!made) throw std::bad_alloc();
  std::size_t now = live_bytes += malloc_usable_size(made);
  std::size_t peak = peak_bytes;
  while (now > peak && !peak_bytes.compare_exchange_weak(peak, now)) {
  }
  return made;
}

void operator delete(void* made) noexcept {
  if (made) live_bytes -= malloc_usable_size(made);
  std::free(made);
}

void operator delete(void* made, std::size_t) noexcept { operator delete(made); }

namespace {

using Table = std::map<std::string, std::vector<std::string>>;

int failures = 0;

void fail(const std::string& what) {
  std::printf("FAILED %s\n", what.c_str());
  ++failures;
}

// Plain or gzipped bytes.
std::string read_all(const std::filesystem::path& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  std::string text;
  char buffer[65536];
  for (int count; file && (count = gzread(file, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  if (file) gzclose(file);
  return text;
}

// Commas, quotes doubled inside quotes, no line feed inside a cell.
std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      cells.back() += line[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  return cells;
}

Table read_table(const std::filesystem::path& path, std::vector<std::string>& header) {
  Table table;
  std::string text = read_all(path);
  std::size_t start = 0;
  while (start < text.size()) {
    std::size_t end = std::min(text.find('\n', start), text.size());
    std::vector<std::string> cells = split(text.substr(start, end - start));
    if (header.empty()) {
      header = cells;
    } else {
      for (std::size_t i = 0; i < header.size(); ++i)
        table[header[i]].push_back(i < cells.size() ? cells[i] : "");
    }
    start = end + 1;
  }
  return table;
}

bool is_missing(const std::string& cell) {
  return cell.empty() || cell == "NA" || cell == "N/A" || cell == "-";
}

double to_number(const mojo::InputColumn& column, const std::string& cell) {
  if (is_missing(cell)) return std::nan("");
  if (!column.levels) return mojo::parse_java_double(cell).value_or(std::nan(""));
  for (std::size_t level = 0; level < column.levels->size(); ++level) {
    if ((*column.levels)[level] == cell) return column.value_of(level);
  }
  return std::nan("");
}

// Beyond this, `make parity` has tolerances per algorithm.
bool is_close(double ours, double java) {
  if (std::isnan(ours) || std::isnan(java)) return std::isnan(ours) && std::isnan(java);
  return ours == java || std::abs(ours - java) <= 1e-12 * std::max(1.0, std::abs(java));
}

void compare_with_java(const std::filesystem::path& mojo, const mojo::Model& model) {
  // Spread over several cells, an absent value and an unseen level differ: only records tell them apart.
  if (model.n_features() != model.info().n_features) return;
  std::filesystem::path stem = mojo.parent_path() / mojo.stem();
  std::vector<std::string> order;
  Table java = read_table(stem.string() + ".java.csv.gz", order);
  if (order.empty() || java.contains("refused") || model.algorithm() == "gam") return;
  if (model.info().category == "WordEmbedding") return;  // it takes words
  std::filesystem::path own = stem.string() + ".rows.csv";
  std::vector<std::string> header;
  Table rows = read_table(std::filesystem::exists(own) ? own : mojo.parent_path() / "rows.csv", header);
  std::size_t count = rows.begin()->second.size();
  std::size_t width = model.n_features();
  std::vector<double> matrix(count * width, std::nan(""));
  for (std::size_t k = 0; k < width; ++k) {
    const mojo::InputColumn& input = model.inputs()[k];
    auto column = rows.find(input.name);
    for (std::size_t i = 0; column != rows.end() && i < count; ++i)
      matrix[i * width + k] = to_number(input, column->second[i]);
  }
  std::vector<double> offsets;
  if (model.offset_column()) {
    for (const std::string& cell : rows[*model.offset_column()])
      offsets.push_back(mojo::parse_java_double(cell).value_or(0));
  }
  const double* offset = offsets.empty() ? nullptr : offsets.data();
  std::size_t outputs = model.n_outputs();
  std::vector<double> block(count * outputs);
  std::vector<double> single(outputs);
  model.score(matrix, block, nullptr, offset);

  std::vector<std::string> names;
  for (const std::string& name : order) {
    if (name.starts_with("cal_")) continue;  // calibrated ones are asked for
    if (name != "predict" || (outputs == 1 && model.output_names()[0] == "predict")) names.push_back(name);
  }
  if (names.size() != outputs) return fail(mojo.stem().string() + ": other outputs than Java's");
  for (std::size_t i = 0; i < count; ++i) {
    model.score({&matrix[i * width], width}, single, nullptr, offset ? offset + i : nullptr);
    if (std::memcmp(single.data(), &block[i * outputs], outputs * sizeof(double)) != 0)
      return fail(mojo.stem().string() + ", row " + std::to_string(i) + ": alone and in a block differ");
    for (std::size_t k = 0; k < outputs; ++k) {
      const std::string& text = java[names[k]][i];
      double wanted = text == "NA" ? std::nan("") : std::strtod(text.c_str(), nullptr);
      if (!is_close(single[k], wanted))
        return fail(mojo.stem().string() + ", row " + std::to_string(i) + ", " + names[k] + ": not Java's");
    }
  }
}

std::size_t unpacked_bytes(const std::vector<std::uint8_t>& bytes) {
  // The directory's own fields: the sizes that the archive declares and the scorer checks.
  std::size_t total = 0;
  for (std::size_t i = 0; i + 46 <= bytes.size(); ++i) {
    std::uint32_t size = 0;
    if (std::memcmp(&bytes[i], "PK\1\2", 4) != 0) continue;
    std::memcpy(&size, &bytes[i + 24], 4);
    total += size;
  }
  return total;
}

void try_damaged(const std::string& name, std::vector<std::uint8_t> bytes, std::mt19937& random) {
  for (int turn = 0; turn < 40; ++turn) {
    std::vector<std::uint8_t> damaged = bytes;
    damaged[random() % damaged.size()] ^= static_cast<std::uint8_t>(1u << (random() % 8));
    if (turn % 4 == 0) damaged.resize(random() % damaged.size());
    try {
      mojo::ZipArchive archive(damaged, {});
      mojo::read_model(archive, "", {});
    } catch (const mojo::Error&) {
    } catch (const std::exception& error) {
      fail(name + ": a damaged copy ended in " + error.what());
    }
  }
}

void check(const std::filesystem::path& mojo) {
  std::ifstream file(mojo, std::ios::binary);
  std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  std::mt19937 random(1);
  try {
    peak_bytes = live_bytes.load();
    std::size_t before = live_bytes;
    mojo::ZipArchive archive(bytes, {});
    std::unique_ptr<mojo::Model> model = mojo::read_model(archive, "", {});
    std::size_t used = peak_bytes - before;
    // A constant part for tables of questions, hash maps of small models and such.
    if (used > 4 * unpacked_bytes(bytes) + (1u << 20))
      fail(mojo.stem().string() + ": loading took " + std::to_string(used) + " bytes");
    compare_with_java(mojo, *model);
  } catch (const std::exception& error) {
    fail(mojo.stem().string() + ": " + error.what());
  }
  try_damaged(mojo.stem().string(), bytes, random);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return std::fprintf(stderr, "usage: %s ZOO_DIR\n", arguments[0]), 2;
  std::size_t models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
    if (entry.path().extension() != ".zip") continue;
    check(entry.path());
    ++models;
  }
  std::printf("%zu models, %d failures\n", models, failures);
  return models > 0 && failures == 0 ? 0 : 1;
}
