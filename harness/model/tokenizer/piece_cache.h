// Ids of pieces seen before. Thread-safe; holds a bounded number of short pieces and never forgets.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace evalharness {

struct PieceIds {
  std::vector<int32_t> ids;
  size_t dropped = 0;
};

class PieceCache {
 public:
  // Appends what is known about the piece; false where nothing is. `dropped` grows by the piece's.
  bool append(std::string_view piece, std::vector<int32_t>& ids, size_t& dropped) const;
  void remember(std::string_view piece, PieceIds ids);

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  // Several locks, so that threads rarely wait for each other.
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, PieceIds, Hash, std::equal_to<>> entries;
  };
  static constexpr size_t kShards = 16;
  static constexpr size_t kEntriesOfShard = 8192;
  static constexpr size_t kLongestPiece = 64;

  static size_t shard_of(std::string_view piece) { return Hash()(piece) / 64 % kShards; }

  std::array<Shard, kShards> shards_;
};

}  // namespace evalharness
