// Downloads by libcurl.
#include <curl/curl.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "datasets/sources.h"
#include "harness/base/error.h"
#include "harness/base/interrupt.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

namespace fs = std::filesystem;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
struct CloseCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};

struct Transfer {
  CURL* curl = nullptr;
  std::unique_ptr<std::FILE, CloseFile> file;
  bool resumed = false;
  std::string title;
  std::optional<Progress> progress;
  curl_off_t reported = 0;
};

size_t write_bytes(char* bytes, size_t size, size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  if (transfer.resumed) {
    // A server that does not know ranges sends the whole file again, with 200 instead of 206.
    long status = 0;
    curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200 && std::freopen(nullptr, "wb", transfer.file.get()) == nullptr) return 0;
    transfer.resumed = false;
  }
  return std::fwrite(bytes, 1, size * count, transfer.file.get());
}

int show_progress(void* user, curl_off_t total, curl_off_t done, curl_off_t, curl_off_t) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  if (interrupt_requested()) return 1;  // ends the transfer; the part that came is kept
  if (total <= 0) return 0;
  if (!transfer.progress) transfer.progress.emplace(transfer.title, static_cast<size_t>(total));
  transfer.progress->advance(static_cast<size_t>(done - transfer.reported));
  transfer.reported = done;
  return 0;
}

curl_off_t size_of(const std::string& path) {
  return fs::exists(path) ? static_cast<curl_off_t>(fs::file_size(path)) : 0;
}

void set_options(Transfer& transfer, const std::string& url, curl_off_t have) {
  CURL* curl = transfer.curl;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 20L);
  // A minute below 100 bytes/s: the line is dead, and the part that came is kept.
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 100L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "evalharness");
  curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, have);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, write_bytes);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, show_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
}

// One try; `why` and the status where it fails.
struct Outcome {
  bool done = false;
  long status = 0;
  std::string why;
};

Outcome try_download(const std::string& url, const std::string& part) {
  const std::unique_ptr<CURL, CloseCurl> curl(curl_easy_init());
  if (!curl) fail("libcurl does not start");
  const curl_off_t have = size_of(part);
  Transfer transfer;
  transfer.curl = curl.get();
  transfer.file.reset(std::fopen(part.c_str(), "ab"));
  transfer.resumed = have > 0;
  transfer.title = fs::path(url).filename().string();
  if (!transfer.file) fail(cat("cannot write ", part));
  char reason[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, reason);
  set_options(transfer, url, have);
  const CURLcode code = curl_easy_perform(curl.get());
  stop_if_interrupted();
  Outcome outcome{.done = code == CURLE_OK,
                  .status = 0,
                  .why = *reason != '\0' ? reason : curl_easy_strerror(code)};
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &outcome.status);
  if (std::fflush(transfer.file.get()) != 0) return {false, 0, cat("cannot write ", part)};
  return outcome;
}

}  // namespace

void download(const std::string& url, const std::string& path) {
  // Named by the address, so that one mirror's part is never continued from another.
  const std::string part = cat(path, ".", sha256_hex(url).substr(0, 8), ".part");
  const bool resumed = size_of(part) > 0;
  Outcome outcome = try_download(url, part);
  if (!outcome.done && resumed) {
    // The part may be whole or stale, or ranges refused: once more from the start.
    fs::remove(part);
    outcome = try_download(url, part);
  }
  if (!outcome.done) {
    if (size_of(part) == 0) fs::remove(part);
    fail(outcome.why);
  }
  fs::rename(part, path);
}

}  // namespace evalharness
