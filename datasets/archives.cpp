// One file out of a zip archive (libzip) or a .gz (zlib).
#include <zip.h>
#include <zlib.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "datasets/sources.h"
#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

constexpr size_t kBlock = size_t{1} << 20;

struct DiscardZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseMember {
  void operator()(zip_file_t* member) const { zip_fclose(member); }
};
struct CloseGzip {
  void operator()(gzFile file) const { gzclose(file); }
};

std::unique_ptr<zip_t, DiscardZip> open_zip(const std::string& path) {
  int code = 0;
  std::unique_ptr<zip_t, DiscardZip> archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail(cat("cannot open the archive: ", why));
  }
  return archive;
}

std::vector<std::string> member_names(zip_t* archive) {
  std::vector<std::string> names;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
    if (const char* name = zip_get_name(archive, static_cast<zip_uint64_t>(i), 0))
      names.emplace_back(name);
  }
  return names;
}

// Copies blocks until read() gives none; negative is an error.
template <class Read>
void copy_blocks(const std::string& path, const Read& read) {
  std::ofstream to(path, std::ios::binary | std::ios::trunc);
  std::vector<char> block(kBlock);
  while (true) {
    const int64_t got = read(block.data(), block.size());
    if (got < 0) fail("the archive is damaged");
    if (got == 0) break;
    to.write(block.data(), static_cast<std::streamsize>(got));
  }
  to.flush();
  if (!to) fail(cat("cannot write ", path));
}

}  // namespace

void extract_member(const std::string& archive, const std::string& member,
                    const std::string& path) {
  const std::unique_ptr<zip_t, DiscardZip> zip = open_zip(archive);
  const std::unique_ptr<zip_file_t, CloseMember> from(zip_fopen(zip.get(), member.c_str(), 0));
  if (!from) {
    fail(cat("no member '", member, "' in the archive",
             did_you_mean(member, member_names(zip.get()))));
  }
  copy_blocks(path, [&](char* to, size_t size) { return zip_fread(from.get(), to, size); });
}

void unpack_gzip(const std::string& packed, const std::string& path) {
  const std::unique_ptr<gzFile_s, CloseGzip> from(gzopen(packed.c_str(), "rb"));
  if (!from) fail(cat("cannot open ", packed));
  copy_blocks(path, [&](char* to, size_t size) {
    return static_cast<int64_t>(gzread(from.get(), to, static_cast<unsigned>(size)));
  });
}

}  // namespace evalharness
