// How much memory this process holds, as the kernel counts it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace evalharness {

uint64_t resident_bytes();       // now
uint64_t peak_resident_bytes();  // the most since the start, or since the last reset
// Starts the peak again from what is resident now. False where the kernel does not permit it: the
// peak then still covers what went before.
bool reset_peak_resident();

uint64_t available_bytes();  // of the machine, for new uses

// Gives memory that was freed back to the system, so that it does not count as resident.
void release_freed_memory();

// The bytes of a line "VmHWM:   123 kB" in the text of /proc/<process>/status.
std::optional<uint64_t> status_bytes(std::string_view status, std::string_view key);

}  // namespace evalharness
