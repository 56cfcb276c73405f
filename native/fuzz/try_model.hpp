// What every fuzz target ends in: load a model from bytes and score some rows; only named errors may come
// out.
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

// Loads and scores. Any exception but the scorer's own leaves it, and ends the run.
void try_model(std::span<const std::uint8_t> archive);

}  // namespace mojo::fuzz
