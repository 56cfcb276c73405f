// Files that H2O also calls models, but that are no H2O-3 MOJO: each is refused with what to export instead.
#pragma once

#include <string>

#include "byte_source.hpp"
#include "zip_archive.hpp"

namespace mojo {

// Throws UnsupportedError for a folder that an H2O-3 MOJO was unpacked to.
void refuse_unpacked(const std::string& path);

// Throws UnsupportedError for POJO sources and for models that H2O saved in its own binary form.
void refuse_foreign_bytes(const ByteSource& file);

// Throws UnsupportedError for MOJO2, the archive of Driverless AI.
void refuse_foreign_archive(const ZipArchive& archive);

}  // namespace mojo
