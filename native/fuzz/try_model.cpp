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

void try_model(std::span<const std::uint8_t> bytes) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kValues[] = {0, kNaN, 1e308, -1e308, 3, 1000, -1, 0.5};
  try {
    ZipArchive archive(bytes, fuzz_limits());
    std::unique_ptr<Model> model = read_model(archive, "", fuzz_limits());
    std::vector<double> row(model->n_features());
    std::vector<double> out(model->n_outputs());
    std::int32_t label = 0;
    double offset = 0.25;
    for (double value : kValues) {
      row.assign(row.size(), value);
      try {
        model->score(row, out, &label, model->offset_column() ? &offset : nullptr);
      } catch (const RowError&) {
      }
    }
  } catch (const Error&) {
  }
}

}  // namespace mojo::fuzz
