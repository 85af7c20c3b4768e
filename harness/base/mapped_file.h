// A file's bytes, mapped, not read. Movable; the bytes live as long as the object.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace evalharness {

class MappedFile {
 public:
  // Fails with one line: "model.gguf: cannot open: No such file or directory". An empty file is
  // fine.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& path() const { return path_; }
  // Gives back the memory of what was read; what is read again comes from the file again.
  void release() const;

 private:
  std::string path_;
  std::span<const std::byte> bytes_;
};

// A whole small text file.
std::string read_text(const std::string& path);
// Writes through a temporary file beside it and a rename, so that a reader never sees half a file.
void write_text(const std::string& path, std::string_view text);

}  // namespace evalharness
