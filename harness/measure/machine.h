// Where and by what a run was made: the machine and the build, for the record's context.
#pragma once

#include <string>
#include <string_view>

#include "harness/base/value.h"

namespace evalharness {

// A map: cpu, isa (list), cores, threads, memory_bytes, caches (map), kernel, governor,
// clock_source, compiler, build_type, compile_flags, version, commit. What the system does not tell
// is null.
Value describe_machine();

// The first "model name" of the text of /proc/cpuinfo, or "" if none is there.
std::string cpu_model(std::string_view cpuinfo);
// The commit that this binary was built from ("0b58286c1d2e", with "-dirty" after it where files
// differed from it), or "unknown" outside a git checkout.
std::string build_commit();
// sha256 of the program that is running. It tells builds apart that a commit does not: of a changed tree, by
// another compiler, with other options.
const std::string& program_hash();

}  // namespace evalharness
