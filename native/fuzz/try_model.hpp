// What every fuzz target ends in: load a model from bytes, score some rows and explain them; only named
// errors may come out.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mojo::fuzz {

struct Entry {
  std::string name;
  std::string_view content;
};

// A zip archive of stored entries with true sizes and checksums, so that the bytes reach the decoders.
std::vector<std::uint8_t> store(const std::vector<Entry>& entries);

// The model.ini of a regression on one column with two levels (d000.txt) and two numbers; `settings` are
// further lines "key = value".
std::string make_ini(const std::string& algorithm, const std::string& version, const std::string& settings);
std::string make_tree_ini(const std::string& version);  // of a GBM with one tree

// Loads, scores and explains. Any exception but the scorer's own leaves it, and ends the run.
void try_model(std::span<const std::uint8_t> archive);

}  // namespace mojo::fuzz
