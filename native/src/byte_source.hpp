// Bytes that are read piece by piece: those of a file, or of memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "byte_reader.hpp"

namespace mojo {

class ByteSource {
 public:
  ByteSource() = default;
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  virtual std::uint64_t size() const = 0;
  // Bytes start .. start + count - 1, which must lie inside; valid until `room`, which they may lie in,
  // changes. Safe from several threads. Throws FileError, FormatError.
  virtual Bytes read(std::uint64_t start, std::size_t count, std::vector<std::uint8_t>& room) const = 0;
};

class MemoryBytes final : public ByteSource {
 public:
  explicit MemoryBytes(Bytes bytes) : bytes_(bytes) {}  // which must outlive it

  std::uint64_t size() const override { return bytes_.size(); }
  Bytes read(std::uint64_t start, std::size_t count, std::vector<std::uint8_t>&) const override {
    return bytes_.subspan(start, count);
  }

 private:
  Bytes bytes_;
};

// A file that is open for reading. It is not mapped: a mapping counts as memory of the process, and one of a
// file that another process cuts short ends in a signal.
class FileBytes final : public ByteSource {
 public:
  explicit FileBytes(const std::string& path);  // throws FileError
  ~FileBytes() override;

  std::uint64_t size() const override { return size_; }
  Bytes read(std::uint64_t start, std::size_t count, std::vector<std::uint8_t>& room) const override;

 private:
  std::string path_;
  int descriptor_;
  std::uint64_t size_ = 0;
};

}  // namespace mojo
