#include "datasets/fetch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "datasets/dataset.h"
#include "datasets/sources.h"
#include "harness/base/error.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

namespace fs = std::filesystem;

std::string cache_path(const FileSpec& file) {
  return (fs::path(cache_directory()) / file.name).string();
}

// Ranks of one run may ask for the same file at once: the first fetches, the others wait and find
// it.
class FileLock {
 public:
  explicit FileLock(const std::string& path)
      : descriptor_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0 || flock(descriptor_, LOCK_EX) != 0) fail(cat(path, ": cannot lock"));
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { close(descriptor_); }

 private:
  int descriptor_;
};

// "<size> <time of change in ns> <sha256>": what was true when the sum was taken.
std::string fingerprint(const std::string& path, const std::string& sum) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) fail(cat(path, ": cannot look at it"));
  return cat(status.st_size, " ", status.st_mtim.tv_sec, ".", status.st_mtim.tv_nsec, " ", sum,
             "\n");
}

std::string note_path(const std::string& path) { return path + ".verified"; }

bool is_verified(const std::string& path, const std::string& sum) {
  const std::string note = note_path(path);
  if (sum.empty()) return true;
  if (fs::exists(note) && read_text(note) == fingerprint(path, sum)) return true;
  if (sha256_of_file(path) != sum) return false;
  write_text(note, fingerprint(path, sum));
  return true;
}

// Moves a fetched file to its place if its sum is right; else removes it and says why.
std::string accept(const FileSpec& file, const std::string& fetched) {
  const std::string sum = sha256_of_file(fetched);
  if (!file.sha256.empty() && sum != file.sha256) {
    fs::remove(fetched);
    fail(cat("sha256: expected ", file.sha256, ", got ", sum));
  }
  const std::string path = cache_path(file);
  fs::rename(fetched, path);
  write_text(note_path(path), fingerprint(path, sum));
  if (file.sha256.empty())
    std::cerr << file.name << ": no checksum is known, sha256 " << sum << "\n";
  return path;
}

void announce(const FileSpec& file, const std::string& source) {
  std::cerr << "fetching " << file.name << " from " << source;
  if (file.bytes != 0) std::cerr << " (" << bytes_text(file.bytes) << ")";
  std::cerr << std::endl;
}

[[noreturn]] void fail_offline(const FileSpec& file) {
  fail(cat(file.name, ": not in the cache (", cache_directory(),
           "), and --offline forbids to fetch it from ",
           file.sources.empty() ? "anywhere" : file.sources.front()));
}

}  // namespace

std::string cached_file(const FileSpec& file) {
  const std::string path = cache_path(file);
  return fs::is_regular_file(path) && is_verified(path, file.sha256) ? path : "";
}

std::string fetch_file(const FileSpec& file, bool offline) {
  if (const std::string path = cached_file(file); !path.empty()) return path;
  if (offline) fail_offline(file);
  const std::string path = cache_path(file);
  fs::create_directories(fs::path(path).parent_path());
  const FileLock lock(path + ".lock");
  if (const std::string other = cached_file(file); !other.empty()) return other;
  std::string reasons;
  for (const std::string& source : file.sources) {
    announce(file, source);
    try {
      const std::string fetched = path + ".new";
      bring(source, fetched);
      return accept(file, fetched);
    } catch (const Error& error) {
      // Not the end yet: the next source may have it, and the message below tells of this one.
      reasons += cat("\n  ", source, ": ", error.what());
    }
  }
  fail(cat("cannot fetch ", file.name, reasons.empty() ? ": it has no sources" : ":", reasons));
}

}  // namespace evalharness
