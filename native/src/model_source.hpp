// Where a reader finds its model: the archive, the folder in it, and what model.ini said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "limits.hpp"
#include "model_info.hpp"
#include "zip_archive.hpp"

namespace mojo {

struct ModelSource {
  ZipArchive& archive;
  const std::string& prefix;  // "" or a folder that ends with a slash
  const ModelInfo& info;
  const Limits& limits;
  int depth = 0;  // of nesting, 0 for the archive's own model

  bool contains(const std::string& name) const { return archive.contains(prefix + name); }
  std::uint64_t size_of(const std::string& name) const { return archive.size_of(prefix + name); }
  // The entry's bytes. Throws FormatError.
  void read(const std::string& name, std::vector<std::uint8_t>& bytes) const {
    archive.read(prefix + name, bytes);
  }
};

}  // namespace mojo
