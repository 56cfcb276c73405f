#include "mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>

namespace mojo {

MappedFile::MappedFile(const std::string& path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) throw FileError(path, errno);
  struct stat status {};
  int code = ::fstat(descriptor, &status) != 0 ? errno : 0;
  if (code == 0 && S_ISDIR(status.st_mode)) code = EISDIR;
  if (code == 0 && !S_ISREG(status.st_mode)) code = EINVAL;  // a pipe or a device has no length
  if (code == 0 && status.st_size > 0) {
    auto size = static_cast<std::size_t>(status.st_size);
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address == MAP_FAILED) {
      code = errno;
    } else {
      bytes_ = {static_cast<const std::uint8_t*>(address), size};
    }
  }
  ::close(descriptor);
  if (code != 0) throw FileError(path, code);
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
}

}  // namespace mojo
