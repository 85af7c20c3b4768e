#include "datasets/fetch.h"

#include <zip.h>
#include <zlib.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "datasets/sources.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "test/support/environment.h"
#include "test/support/temporary_folder.h"

namespace evalharness {
namespace {

namespace fs = std::filesystem;

constexpr const char* kText = "the tide comes in\n";

class Cache {
 public:
  std::string path(const std::string& name) const { return folder_.path(name); }
  std::string write(const std::string& name, std::string_view bytes) const {
    return write_file(folder_.path(name), bytes);
  }
  FileSpec spec(std::vector<std::string> sources, std::string_view text = kText) const {
    return {.name = "sea/tide.txt", .sources = std::move(sources), .sha256 = sha256_hex(text)};
  }
  std::string place() const { return path("cache/sea/tide.txt"); }
  // Files left in the cache's folder of that file.
  std::vector<std::string> left() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path("cache/sea"))) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  TemporaryFolder folder_;
  EnvironmentVariable cache_{"EVALHARNESS_CACHE", folder_.path("cache")};
  EnvironmentVariable home_{"EVALHARNESS_HOME", folder_.path("home")};
};

void write_zip(const std::string& path, const std::string& member, const std::string& bytes) {
  int error = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &error);
  REQUIRE(archive != nullptr);
  zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
  REQUIRE(zip_file_add(archive, member.c_str(), source, ZIP_FL_OVERWRITE) >= 0);
  REQUIRE(zip_close(archive) == 0);
}

}  // namespace

TEST_CASE("a file is fetched by URL, once", "[datasets][fetch]") {
  const Cache cache;
  const std::string origin = cache.write("origin/tide.txt", kText);
  const FileSpec file = cache.spec({"file://" + origin});
  CHECK(cached_file(file).empty());
  CHECK(fetch_file(file, false) == cache.place());
  CHECK(read_text(cache.place()) == kText);
  fs::remove(origin);
  CHECK(fetch_file(file, true) == cache.place());
  CHECK(cache.left() == std::vector<std::string>{"tide.txt", "tide.txt.lock", "tide.txt.verified"});
}

TEST_CASE("sources are tried in order and each failure is told", "[datasets][fetch]") {
  const Cache cache;
  const std::string missing = cache.path("missing.txt");
  const std::string good = cache.write("origin/tide.txt", kText);
  CHECK(fetch_file(cache.spec({missing, good}), false) == cache.place());
  fs::remove_all(cache.path("cache"));
  const std::string wrong = cache.write("origin/wrong.txt", "other");
  CHECK_THROWS_WITH(fetch_file(cache.spec({missing, wrong}), false),
                    "cannot fetch sea/tide.txt:\n  " + missing + ": no such file\n  " + wrong +
                        ": sha256: expected " + sha256_hex(kText) + ", got " + sha256_hex("other"));
  CHECK(cache.left() == std::vector<std::string>{"tide.txt.lock"});
}

TEST_CASE("offline means that nothing is fetched", "[datasets][fetch]") {
  const Cache cache;
  const std::string origin = cache.write("origin/tide.txt", kText);
  CHECK_THROWS_WITH(fetch_file(cache.spec({"file://" + origin}), true),
                    "sea/tide.txt: not in the cache (" + cache.path("cache") +
                        "), and --offline forbids to fetch it from file://" + origin);
}

TEST_CASE("a file without sources says so", "[datasets][fetch]") {
  const Cache cache;
  CHECK_THROWS_WITH(fetch_file(cache.spec({}), false),
                    "cannot fetch sea/tide.txt: it has no sources");
}

TEST_CASE("a partial download is continued", "[datasets][fetch]") {
  const Cache cache;
  const std::string url = "file://" + cache.write("origin/tide.txt", kText);
  // The first bytes are marked, so that a restart from zero would show.
  cache.write("sea/tide.txt." + sha256_hex(url).substr(0, 8) + ".part", "THE");
  download(url, cache.path("sea/tide.txt"));
  CHECK(read_text(cache.path("sea/tide.txt")) == "THE tide comes in\n");
}

TEST_CASE("a partial download that is longer than the file starts again", "[datasets][fetch]") {
  const Cache cache;
  const std::string url = "file://" + cache.write("origin/tide.txt", kText);
  cache.write("sea/tide.txt." + sha256_hex(url).substr(0, 8) + ".part", std::string(100, 'x'));
  download(url, cache.path("sea/tide.txt"));
  CHECK(read_text(cache.path("sea/tide.txt")) == kText);
}

TEST_CASE("a member of a zip archive is taken out", "[datasets][fetch]") {
  const Cache cache;
  cache.write("origin/x", "");
  write_zip(cache.path("origin/sea.zip"), "sea/tide.txt", kText);
  CHECK(fetch_file(cache.spec({"file://" + cache.path("origin/sea.zip") + "#sea/tide.txt"}),
                   false) == cache.place());
  CHECK(read_text(cache.place()) == kText);
  CHECK_THROWS_WITH(
      extract_member(cache.path("origin/sea.zip"), "sea/tides.txt", cache.path("out")),
      "no member 'sea/tides.txt' in the archive (did you mean 'sea/tide.txt'?)");
}

TEST_CASE("a local archive with a wrong member survives the failure", "[datasets][fetch]") {
  const Cache cache;
  cache.write("origin/x", "");
  write_zip(cache.path("origin/sea.zip"), "sea/tide.txt", kText);
  CHECK_THROWS(fetch_file(cache.spec({cache.path("origin/sea.zip") + "#none"}), false));
  CHECK(fs::exists(cache.path("origin/sea.zip")));
}

TEST_CASE("a gzip file is unpacked where the wanted file is not one", "[datasets][fetch]") {
  const Cache cache;
  cache.write("origin/x", "");
  const std::string packed = cache.path("origin/tide.txt.gz");
  gzFile to = gzopen(packed.c_str(), "wb");
  REQUIRE(gzputs(to, kText) > 0);
  gzclose(to);
  CHECK(fetch_file(cache.spec({"file://" + packed}), false) == cache.place());
  CHECK(read_text(cache.place()) == kText);
  FileSpec as_it_is{
      .name = "sea/tide.txt.gz", .sources = {packed}, .sha256 = sha256_of_file(packed)};
  CHECK(read_text(fetch_file(as_it_is, false)) == read_text(packed));
  CHECK(fs::exists(packed));
}

TEST_CASE("a cached file that changed is not taken", "[datasets][fetch]") {
  const Cache cache;
  const FileSpec file = cache.spec({cache.write("origin/tide.txt", kText)});
  fetch_file(file, false);
  cache.write("cache/sea/tide.txt", "changed by someone");
  CHECK(cached_file(file).empty());
  CHECK(read_text(fetch_file(file, false)) == kText);
}

TEST_CASE("without pip a package source says what to install", "[datasets][fetch]") {
  const Cache cache;
  const EnvironmentVariable path("PATH", cache.path("nothing"));
  const std::string source = "pypi:tides==1.0#tide.txt";
  CHECK_THROWS_WITH(
      fetch_file(cache.spec({source}), false),
      "cannot fetch sea/tide.txt:\n  " + source +
          ": needs pip, and there is none on this machine (Debian and Ubuntu: apt-get install "
          "python3-pip)");
}

TEST_CASE("a package source runs pip and opens the wheel", "[datasets][fetch]") {
  const Cache cache;
  cache.write("origin/x", "");
  write_zip(cache.path("origin/tides-1.0-py3-none-any.whl"), "tides/tide.txt", kText);
  // A stand-in for pip: copies the wheel to the folder that follows -d, which is next to last.
  const std::string pip = cache.write(
      "bin/pip3",
      cat("#!/bin/sh\n[ \"$1\" = --version ] && exit 0\n[ \"$1\" = download ] || exit 9\n"
          "while [ \"$1\" != -d ]; do shift; done\n[ \"$3\" = tides==1.0 ] || exit 8\n"
          "/bin/cp ",
          cache.path("origin/tides-1.0-py3-none-any.whl"), " \"$2\"\n"));
  fs::permissions(pip, fs::perms::owner_all);
  const EnvironmentVariable path("PATH", cache.path("bin"));
  CHECK(fetch_file(cache.spec({"pypi:tides==1.0#tides/tide.txt"}), false) == cache.place());
  CHECK(read_text(cache.place()) == kText);
  CHECK(std::distance(fs::directory_iterator(cache.path("cache")), fs::directory_iterator()) == 1);
}

}  // namespace evalharness
