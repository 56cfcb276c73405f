// One read-only mapping of a file.
#pragma once

#include <string>

#include "byte_reader.hpp"

namespace mojo {

class MappedFile {
 public:
  // Throws FileError. The file must not be cut short while it is mapped: publish by rename.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  Bytes bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace mojo
