#include "harness/model/tokenizer/bpe.h"

#include <algorithm>
#include <queue>

#include "harness/base/error.h"
#include "harness/model/tokenizer/utf8.h"

namespace evalharness {
namespace {

uint64_t pair_key(int32_t left, int32_t right) {
  return (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) | static_cast<uint32_t>(right);
}

}  // namespace

// Symbols as a linked list, and a queue of the merges that neighbours allow. A merge whose symbols
// have changed since it was queued is passed over.
class Bpe::Merging {
 public:
  Merging(const Bpe& bpe, const std::vector<int32_t>& ids) : bpe_(bpe), symbols_(ids.size()) {
    for (size_t i = 0; i < ids.size(); ++i) symbols_[i] = {ids[i], i - 1, i + 1};
    for (size_t i = 0; i + 1 < ids.size(); ++i) propose(i);
  }

  void run() {
    while (!proposals_.empty()) {
      const Proposal best = proposals_.top();
      proposals_.pop();
      if (still_stands(best)) apply(best);
    }
  }

  void append_to(std::vector<int32_t>& ids) const {
    for (size_t i = 0; i < symbols_.size(); i = symbols_[i].next) ids.push_back(symbols_[i].id);
  }

 private:
  static constexpr size_t kNone = static_cast<size_t>(-1);
  static constexpr int32_t kMergedAway = -2;

  struct Symbol {
    int32_t id;
    size_t previous;  // kNone before the first
    size_t next;      // symbols_.size() behind the last
  };
  struct Proposal {
    Result result;
    size_t left;
    int32_t left_id;
    int32_t right_id;
  };
  struct Later {
    bool operator()(const Proposal& a, const Proposal& b) const {
      return a.result.rank != b.result.rank ? a.result.rank > b.result.rank : a.left > b.left;
    }
  };

  void propose(size_t left) {
    const size_t right = symbols_[left].next;
    if (right == symbols_.size()) return;
    const int32_t left_id = symbols_[left].id;
    const int32_t right_id = symbols_[right].id;
    const auto found = bpe_.results_.find(pair_key(left_id, right_id));
    if (found != bpe_.results_.end()) proposals_.push({found->second, left, left_id, right_id});
  }

  bool still_stands(const Proposal& proposal) const {
    const Symbol& left = symbols_[proposal.left];
    return left.id == proposal.left_id && left.next < symbols_.size() &&
           symbols_[left.next].id == proposal.right_id;
  }

  void apply(const Proposal& proposal) {
    Symbol& left = symbols_[proposal.left];
    symbols_[left.next].id = kMergedAway;
    left.id = proposal.result.id;
    left.next = symbols_[left.next].next;
    if (left.next < symbols_.size()) symbols_[left.next].previous = proposal.left;
    if (left.previous != kNone) propose(left.previous);
    propose(proposal.left);
  }

  const Bpe& bpe_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Proposal, std::vector<Proposal>, Later> proposals_;
};

Bpe::Bpe(BpeData data) : data_(std::move(data)) {
  for (size_t id = 0; id < data_.pieces.size(); ++id) {
    if (!data_.pieces[id].empty()) ids_.emplace(data_.pieces[id], static_cast<int32_t>(id));
  }
  results_.reserve(data_.merges.size());
  for (const Merge& merge : data_.merges) {
    results_.emplace(pair_key(merge.left, merge.right), Result{merge.result, merge.rank});
  }
}

size_t Bpe::encode(std::string_view piece, std::vector<int32_t>& ids) const {
  if (data_.ignore_merges) {
    const auto whole = ids_.find(piece);
    if (whole != ids_.end()) {
      ids.push_back(whole->second);
      return 0;
    }
  }
  std::vector<int32_t> symbols;
  symbols.reserve(piece.size());
  const size_t dropped = first_symbols(piece, symbols);
  Merging merging(*this, symbols);
  merging.run();
  merging.append_to(ids);
  return dropped;
}

size_t Bpe::first_symbols(std::string_view piece, std::vector<int32_t>& ids) const {
  size_t dropped = 0;
  for (size_t at = 0; at < piece.size();) {
    const size_t length = data_.byte_level ? 1 : utf8_step(piece, at).length;
    const std::string_view symbol = piece.substr(at, length);
    const auto found = data_.byte_level ? ids_.end() : ids_.find(symbol);
    if (found != ids_.end()) {
      ids.push_back(found->second);
    } else {
      dropped += add_without_token(symbol, ids);
    }
    at += length;
  }
  return dropped;
}

size_t Bpe::add_without_token(std::string_view symbol, std::vector<int32_t>& ids) const {
  const auto byte_id = [this](char byte) {
    return data_.byte_ids[static_cast<unsigned char>(byte)];
  };
  if (std::ranges::all_of(symbol, [&](char byte) { return byte_id(byte) >= 0; })) {
    for (const char byte : symbol) ids.push_back(byte_id(byte));
    return 0;
  }
  if (data_.unknown < 0) return symbol.size();
  if (!data_.fuse_unknown || ids.empty() || ids.back() != data_.unknown)
    ids.push_back(data_.unknown);
  return 0;
}

}  // namespace evalharness
