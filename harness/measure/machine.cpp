#include "harness/measure/machine.h"

#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "build_commit.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/measure/cpu_features.h"

namespace evalharness {
namespace {

// "" where there is no such file: the kernel's files differ from machine to machine.
std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

Value text_or_null(const std::string& text) {
  const std::string stripped = strip(text);
  return stripped.empty() ? Value() : Value(stripped);
}

Value isa_list() {
  Value list(Value::List{});
  for (const std::string& name : feature_names(cpu_features())) list.push(name);
  return list;
}

uint64_t memory_bytes() {
  struct sysinfo info {};
  return sysinfo(&info) == 0 ? uint64_t{info.totalram} * info.mem_unit : 0;
}

Value kernel_release() {
  utsname name{};
  return uname(&name) == 0 ? Value(cat(name.sysname, " ", name.release)) : Value();
}

// Sizes of the caches that the first core sees: "L1d" 32768, "L2", "L3".
Value cache_bytes() {
  Value caches(Value::Map{});
  const std::pair<const char*, int> levels[] = {{"L1d", _SC_LEVEL1_DCACHE_SIZE},
                                                {"L2", _SC_LEVEL2_CACHE_SIZE},
                                                {"L3", _SC_LEVEL3_CACHE_SIZE}};
  for (const auto& [name, key] : levels) {
    const long bytes = sysconf(key);
    if (bytes > 0) caches.set(name, static_cast<int64_t>(bytes));
  }
  return caches;
}

}  // namespace

std::string cpu_model(std::string_view cpuinfo) {
  for (const std::string& line : split(cpuinfo, "\n")) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    if (strip(line.substr(0, colon)) == "model name") return strip(line.substr(colon + 1));
  }
  return "";
}

std::string build_commit() { return EVALHARNESS_COMMIT; }

const std::string& program_hash() {
  static const std::string hash = sha256_of_file("/proc/self/exe");
  return hash;
}

Value describe_machine() {
  const std::string system = "/sys/devices/system/";
  Value machine;
  machine.set("cpu", text_or_null(cpu_model(text_of("/proc/cpuinfo"))));
  machine.set("isa", isa_list());
  machine.set("cores", static_cast<int64_t>(sysconf(_SC_NPROCESSORS_ONLN)));
  machine.set("threads", thread_count());
  machine.set("memory_bytes", static_cast<int64_t>(memory_bytes()));
  machine.set("caches", cache_bytes());
  machine.set("kernel", kernel_release());
  machine.set("governor", text_or_null(text_of(system + "cpu/cpu0/cpufreq/scaling_governor")));
  machine.set("clock_source",
              text_or_null(text_of(system + "clocksource/clocksource0/current_clocksource")));
  machine.set("compiler", cat(EVALHARNESS_COMPILER, " ", __VERSION__));
  machine.set("build_type", EVALHARNESS_BUILD_TYPE);
  machine.set("compile_flags", EVALHARNESS_COMPILE_FLAGS);
  machine.set("version", EVALHARNESS_VERSION);
  machine.set("commit", build_commit());
  return machine;
}

}  // namespace evalharness
