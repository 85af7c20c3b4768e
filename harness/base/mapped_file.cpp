#include "harness/base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

[[noreturn]] void fail_with_errno(const std::string& path, const char* what) {
  const int code = errno;
  fail(cat(path, ": ", what, ": ", std::strerror(code)));
}

// A file that closes itself.
class OpenFile {
 public:
  OpenFile(const std::string& path, int flags) : descriptor_(::open(path.c_str(), flags, 0666)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int descriptor() const { return descriptor_; }
  bool is_open() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

void write_all(const OpenFile& file, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(file.descriptor(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_with_errno(path, "cannot write");
    text.remove_prefix(static_cast<size_t>(written));
  }
}

std::string temporary_beside(const std::string& path) {
  static std::atomic<size_t> count = 0;
  return cat(path, ".", ::getpid(), ".", count++, ".tmp");
}

void unmap(std::span<const std::byte> bytes) {
  if (!bytes.empty()) ::munmap(const_cast<std::byte*>(bytes.data()), bytes.size());
}

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const OpenFile file(path, O_RDONLY | O_CLOEXEC);
  if (!file.is_open()) fail_with_errno(path, "cannot open");
  struct stat status;
  if (::fstat(file.descriptor(), &status) != 0) fail_with_errno(path, "cannot read");
  if (S_ISDIR(status.st_mode)) fail(cat(path, ": expected a file, got a folder"));
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return;  // mmap refuses no bytes
  void* const start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  if (start == MAP_FAILED) fail_with_errno(path, "cannot map");
  bytes_ = {static_cast<const std::byte*>(start), size};
}

MappedFile::~MappedFile() { unmap(bytes_); }

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this == &other) return *this;
  unmap(bytes_);
  path_ = std::move(other.path_);
  bytes_ = std::exchange(other.bytes_, {});
  return *this;
}

// Not asking costs memory only, so a refusal is no error.
void MappedFile::release() const {
  if (!bytes_.empty()) ::madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
}

std::string read_text(const std::string& path) {
  const OpenFile file(path, O_RDONLY | O_CLOEXEC);
  if (!file.is_open()) fail_with_errno(path, "cannot open");
  std::string text;
  size_t used = 0;
  while (true) {
    text.resize(used + (used < (1u << 16) ? (1u << 16) : used));
    const ssize_t got = ::read(file.descriptor(), text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_with_errno(path, "cannot read");
    used += static_cast<size_t>(got);
    if (got == 0) break;
  }
  text.resize(used);
  return text;
}

void write_text(const std::string& path, std::string_view text) {
  const std::string temporary = temporary_beside(path);
  try {
    const OpenFile file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC);
    if (!file.is_open()) fail_with_errno(path, "cannot write");
    write_all(file, text, path);
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail_with_errno(path, "cannot write");
  } catch (const Error&) {
    ::unlink(temporary.c_str());
    throw;
  }
}

}  // namespace evalharness
