// The error tree: Error > FormatError, UnsupportedError, RowError. FileError is the operating system's word.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace mojo {

class Error : public std::runtime_error {
 public:
  // Messages quote bytes of the file: what is not clean UTF-8 in them is shown as '?'.
  explicit Error(const std::string& message);
};

// The file is damaged, or no MOJO at all.
class FormatError : public Error {
 public:
  using Error::Error;
};

// The file may be sound, but holds something this scorer does not know.
class UnsupportedError : public Error {
 public:
  using Error::Error;
};

// A row that the model refuses.
class RowError : public Error {
 public:
  explicit RowError(const std::string& message, std::size_t in_row = 0) : Error(message), row(in_row) {}
  std::size_t row;  // its index in the block that was scored
};

class FileError : public std::runtime_error {
 public:
  FileError(const std::string& path, int number) : std::runtime_error(path), code(number) {}
  int code;
};

}  // namespace mojo
