#include "harness/model/tokenizer/piece_cache.h"

namespace evalharness {

bool PieceCache::append(std::string_view piece, std::vector<int32_t>& ids, size_t& dropped) const {
  if (piece.size() > kLongestPiece) return false;
  const Shard& shard = shards_[shard_of(piece)];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(piece);
  if (found == shard.entries.end()) return false;
  ids.insert(ids.end(), found->second.ids.begin(), found->second.ids.end());
  dropped += found->second.dropped;
  return true;
}

void PieceCache::remember(std::string_view piece, PieceIds ids) {
  if (piece.size() > kLongestPiece) return;
  Shard& shard = shards_[shard_of(piece)];
  const std::lock_guard lock(shard.mutex);
  if (shard.entries.size() < kEntriesOfShard) shard.entries.emplace(piece, std::move(ids));
}

}  // namespace evalharness
