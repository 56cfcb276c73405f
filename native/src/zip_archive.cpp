#include "zip_archive.hpp"

#include <zlib.h>

#include <algorithm>
#include <new>

#include "text_values.hpp"

namespace mojo {
namespace {

constexpr std::uint32_t kEndMagic = 0x06054b50;
constexpr std::uint32_t kDirectoryMagic = 0x02014b50;
constexpr std::uint32_t kLocalMagic = 0x04034b50;
constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kLocalBytes = 30;  // of a local header, before the name
constexpr std::size_t kLongestComment = 0xffff;
constexpr std::uint16_t kEncrypted = 1;

std::string_view text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Where in the last bytes of a file its end record starts: nothing is behind it, but for a comment of the
// length it states.
std::size_t find_end_record(Bytes tail) {
  for (std::size_t at = tail.size() - kEndBytes + 1; at-- > 0;) {
    ByteReader reader(tail.subspan(at), "zip end record");
    if (reader.little<std::uint32_t>() != kEndMagic) continue;
    reader.skip(kEndBytes - 6);
    if (reader.little<std::uint16_t>() == tail.size() - kEndBytes - at) return at;
  }
  throw FormatError("not a zip archive, or its end is cut off: no end record found");
}

void check_name(std::string_view name) {
  auto fail = [&](const char* why) { throw FormatError("zip entry name " + std::string(why)); };
  if (name.empty()) fail("is empty");
  if (name.front() == '/') fail("is absolute");
  if (name.find('\0') != name.npos || name.find('\\') != name.npos) fail("holds a NUL or a backslash");
  if (!is_utf8(name)) fail("is not UTF-8");
  std::string wrapped = "/" + std::string(name) + "/";
  if (wrapped.find("/../") != wrapped.npos) fail("climbs out of the archive (..)");
}

// True when `packed` is one whole deflate stream that fills `out` exactly.
bool inflate_exactly(Bytes packed, std::span<std::uint8_t> out) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  std::uint8_t spare = 0;  // zlib wants room even where nothing is to come
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = out.empty() ? &spare : out.data();
  stream.avail_out = out.empty() ? 1 : static_cast<uInt>(out.size());
  bool whole =
      inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out == out.size() && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole;
}

}  // namespace

ZipArchive::ZipArchive(const ByteSource& source, const Limits& limits) : source_(source) {
  read_directory(limits);
}

ZipArchive::ZipArchive(Bytes bytes, const Limits& limits)
    : own_(std::make_unique<MemoryBytes>(bytes)), source_(*own_) {
  read_directory(limits);
}

void ZipArchive::read_directory(const Limits& limits) {
  if (source_.size() < kEndBytes)
    throw FormatError("not a zip archive: only " + std::to_string(source_.size()) + " bytes");
  std::uint64_t tail_bytes = std::min<std::uint64_t>(source_.size(), kEndBytes + kLongestComment);
  std::uint64_t tail_start = source_.size() - tail_bytes;
  std::vector<std::uint8_t> room;
  Bytes tail = source_.read(tail_start, tail_bytes, room);
  std::size_t record = find_end_record(tail);
  std::uint64_t end = tail_start + record;
  ByteReader reader(tail.subspan(record), "zip end record");
  reader.skip(4);
  auto disk = reader.little<std::uint16_t>();
  auto directory_disk = reader.little<std::uint16_t>();
  auto here = reader.little<std::uint16_t>();
  auto count = reader.little<std::uint16_t>();
  auto directory_size = reader.little<std::uint32_t>();
  auto start = reader.little<std::uint32_t>();
  if (count == 0xffff || start == 0xffffffff) throw UnsupportedError("zip64 archives are not supported");
  if (disk != 0 || directory_disk != 0 || here != count)
    throw UnsupportedError("zip archives in parts are not supported");
  if (count > limits.entries) {
    throw FormatError("zip archive has " + std::to_string(count) + " entries, the limit is " +
                      std::to_string(limits.entries));
  }
  if (std::uint64_t{start} + directory_size != end)
    throw FormatError("zip directory does not end where the end record starts");
  directory_start_ = start;
  ByteReader directory(source_.read(start, directory_size, room_), "zip directory");
  entries_.reserve(count);
  for (int i = 0; i < count; ++i) add_entry(directory, limits);
  if (directory.left() != 0)
    throw FormatError("zip directory holds more than its " + std::to_string(count) + " entries");
}

void ZipArchive::add_entry(ByteReader& reader, const Limits& limits) {
  if (reader.little<std::uint32_t>() != kDirectoryMagic) throw FormatError("zip directory is damaged");
  reader.skip(4);
  auto flags = reader.little<std::uint16_t>();
  auto method = reader.little<std::uint16_t>();
  reader.skip(4);
  Entry entry{};
  entry.crc = reader.little<std::uint32_t>();
  entry.packed = reader.little<std::uint32_t>();
  entry.unpacked = reader.little<std::uint32_t>();
  auto name_bytes = reader.little<std::uint16_t>();
  auto extra_bytes = reader.little<std::uint16_t>();
  auto comment_bytes = reader.little<std::uint16_t>();
  reader.skip(8);
  auto header = reader.little<std::uint32_t>();
  std::string_view name = text(reader.take(name_bytes));
  reader.skip(extra_bytes);
  reader.skip(comment_bytes);

  check_name(name);
  std::string shown = "zip entry " + std::string(name);
  if (flags & kEncrypted) throw UnsupportedError(shown + " is encrypted");
  if (method != 0 && method != Z_DEFLATED)
    throw UnsupportedError(shown + " uses compression method " + std::to_string(method));
  entry.deflated = method == Z_DEFLATED;
  if (entry.packed == 0xffffffff || entry.unpacked == 0xffffffff || header == 0xffffffff) {
    throw UnsupportedError(shown + " is a zip64 entry");
  }
  if (!entry.deflated && entry.packed != entry.unpacked)
    throw FormatError(shown + " is stored with two sizes");
  if (entry.unpacked > limits.entry_bytes) {
    throw FormatError(shown + " claims " + std::to_string(entry.unpacked) + " bytes, the limit is " +
                      std::to_string(limits.entry_bytes));
  }
  std::uint64_t ratio = entry.unpacked > limits.ratio_free_bytes ? limits.ratio : 1032;
  if (entry.unpacked > 1024 + ratio * entry.packed) {
    throw FormatError(shown + " claims to grow from " + std::to_string(entry.packed) + " to " +
                      std::to_string(entry.unpacked) + " bytes, the limit is a factor of " +
                      std::to_string(ratio));
  }
  total_packed_ += entry.packed;
  total_unpacked_ += entry.unpacked;
  if (total_packed_ > source_.size())
    throw FormatError("zip entries overlap: together they are larger than the file");
  if (total_unpacked_ > limits.total_bytes) {
    throw FormatError("zip entries claim more than " + std::to_string(limits.total_bytes) +
                      " bytes together");
  }
  entry.start = find_packed(name, entry, header);
  if (name.back() == '/' && entry.unpacked == 0) return;
  if (!entries_.emplace(name, entry).second) throw FormatError(shown + " appears twice");
}

// The local header must agree: a name that is damaged in one place would be an entry that is absent.
std::uint64_t ZipArchive::find_packed(std::string_view name, const Entry& entry, std::uint32_t header) const {
  std::string shown = "zip entry " + std::string(name);
  if (header > directory_start_) throw FormatError(shown + " starts outside of the file");
  std::uint64_t most = directory_start_ - header;
  std::vector<std::uint8_t> room;
  Bytes bytes = source_.read(header, std::min<std::uint64_t>(kLocalBytes + name.size(), most), room);
  ByteReader reader(bytes, shown);
  if (reader.little<std::uint32_t>() != kLocalMagic) throw FormatError(shown + " has no local header");
  reader.skip(kLocalBytes - 8);
  auto name_bytes = reader.little<std::uint16_t>();
  auto extra_bytes = reader.little<std::uint16_t>();
  if (name_bytes != name.size() || text(reader.take(name_bytes)) != name)
    throw FormatError(shown + " has another name in its local header");
  std::uint64_t before = kLocalBytes + name.size() + extra_bytes;
  if (before + entry.packed > most) throw FormatError(shown + " ends outside of the file");
  return header + before;
}

std::vector<std::string_view> ZipArchive::names_below(std::string_view folder) const {
  std::vector<std::string_view> names;
  for (const auto& [name, entry] : entries_) {
    if (name.starts_with(folder)) names.push_back(name);
  }
  return names;
}

std::uint64_t ZipArchive::size_of(std::string_view name) const {
  auto found = entries_.find(name);
  return found == entries_.end() ? 0 : found->second.unpacked;
}

void ZipArchive::read(std::string_view name, std::vector<std::uint8_t>& out) const {
  auto found = entries_.find(name);
  if (found == entries_.end()) throw FormatError("zip entry " + std::string(name) + " is missing");
  const Entry& entry = found->second;
  std::vector<std::uint8_t> room;
  Bytes packed = source_.read(entry.start, entry.packed, room);
  out.resize(entry.unpacked);
  if (entry.deflated) {
    if (!inflate_exactly(packed, out))
      throw FormatError("zip entry " + std::string(name) + " does not inflate to its stated size");
  } else {
    std::ranges::copy(packed, out.begin());
  }
  if (crc32(0, out.data(), static_cast<uInt>(out.size())) != entry.crc) {
    throw FormatError("zip entry " + std::string(name) + " has a wrong CRC");
  }
}

std::string ZipArchive::read_text(std::string_view name) const {
  std::vector<std::uint8_t> bytes;
  read(name, bytes);
  std::string text(bytes.begin(), bytes.end());
  if (!is_utf8(text)) throw FormatError(std::string(name) + " is not UTF-8");
  return text;
}

}  // namespace mojo
