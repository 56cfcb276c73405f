// The zip container, read from its central directory only. Names are keys and never become paths.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "byte_reader.hpp"
#include "byte_source.hpp"
#include "keyed_hash.hpp"
#include "limits.hpp"

namespace mojo {

class ZipArchive {
 public:
  // What it reads from must outlive the archive. Throws FormatError, UnsupportedError.
  ZipArchive(const ByteSource& source, const Limits& limits);
  ZipArchive(Bytes bytes, const Limits& limits);

  std::size_t size() const { return entries_.size(); }
  bool contains(std::string_view name) const { return entries_.contains(name); }

  // The entries whose names start with `folder`, in no order.
  std::vector<std::string_view> names_below(std::string_view folder) const;

  // Its size once inflated, 0 for an entry that is not there.
  std::uint64_t size_of(std::string_view name) const;

  // Inflates one entry into `out` (its capacity is reused) and checks size and CRC. Safe from several
  // threads.
  void read(std::string_view name, std::vector<std::uint8_t>& out) const;
  // The same of a text. Whatever becomes a name or a level comes from here: Python has no strings of other
  // bytes. Throws FormatError where it is not UTF-8.
  std::string read_text(std::string_view name) const;

 private:
  struct Entry {
    std::uint64_t start;  // of its packed bytes
    std::uint32_t packed;
    std::uint32_t unpacked;
    std::uint32_t crc;
    bool deflated;
  };

  void read_directory(const Limits& limits);
  void add_entry(ByteReader& reader, const Limits& limits);
  std::uint64_t find_packed(std::string_view name, const Entry& entry, std::uint32_t header) const;

  std::unique_ptr<const ByteSource> own_;  // of an archive in memory
  const ByteSource& source_;
  std::vector<std::uint8_t> room_;  // where the directory of a file lies
  std::uint64_t directory_start_ = 0;
  std::uint64_t total_packed_ = 0;
  std::uint64_t total_unpacked_ = 0;
  std::unordered_map<std::string_view, Entry, KeyedHash> entries_;  // the names lie in the directory
};

}  // namespace mojo
