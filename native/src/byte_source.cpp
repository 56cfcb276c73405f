#include "byte_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace mojo {

FileBytes::FileBytes(const std::string& path)
    : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0) throw FileError(path, errno);
  struct stat status {};
  int code = ::fstat(descriptor_, &status) != 0 ? errno : 0;
  if (code == 0 && S_ISDIR(status.st_mode)) code = EISDIR;
  if (code == 0 && !S_ISREG(status.st_mode)) code = EINVAL;  // a pipe or a device has no length
  if (code != 0) {
    ::close(descriptor_);
    throw FileError(path, code);
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

FileBytes::~FileBytes() { ::close(descriptor_); }

Bytes FileBytes::read(std::uint64_t start, std::size_t count, std::vector<std::uint8_t>& room) const {
  room.resize(count);
  for (std::size_t done = 0; done < count;) {
    ssize_t some = ::pread(descriptor_, room.data() + done, count - done, static_cast<off_t>(start + done));
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) throw FileError(path_, errno);
    if (some == 0) throw FormatError("the file was cut short while it was read");
    done += static_cast<std::size_t>(some);
  }
  return room;
}

}  // namespace mojo
