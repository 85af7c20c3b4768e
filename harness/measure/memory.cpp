#include "harness/measure/memory.h"

#include <malloc.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

constexpr std::string_view kResetPeak = "5";  // of clear_refs: proc(5)

uint64_t line_bytes(const char* path, std::string_view key) {
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::optional<uint64_t> bytes = status_bytes(text, key);
  if (!bytes) fail(cat(path, ": no line '", key, "'"));
  return *bytes;
}

uint64_t own_status_bytes(std::string_view key) { return line_bytes("/proc/self/status", key); }

}  // namespace

uint64_t resident_bytes() { return own_status_bytes("VmRSS"); }

uint64_t peak_resident_bytes() { return own_status_bytes("VmHWM"); }

uint64_t available_bytes() { return line_bytes("/proc/meminfo", "MemAvailable"); }

void release_freed_memory() { malloc_trim(0); }

bool reset_peak_resident() {
  std::ofstream file("/proc/self/clear_refs");
  file << kResetPeak << std::flush;
  return file.good();
}

std::optional<uint64_t> status_bytes(std::string_view status, std::string_view key) {
  for (const std::string& line : split(status, "\n")) {
    if (line.substr(0, line.find(':')) != key) continue;
    const std::vector<std::string> words = split_whitespace(line);
    uint64_t kibibytes = 0;
    if (words.size() < 2) return std::nullopt;
    const std::string& number = words[1];
    const auto read = std::from_chars(number.data(), number.data() + number.size(), kibibytes);
    if (read.ec != std::errc()) return std::nullopt;
    return kibibytes * 1024;
  }
  return std::nullopt;
}

}  // namespace evalharness
