#include "harness/run/answer_cache.h"

#include <unistd.h>

#include <filesystem>

#include "harness/base/text.h"

namespace evalharness {

bool AnswerCache::recall(const std::string& key, const JournalKey& task, Journal& journal) const {
  if (folder_.empty() || !std::filesystem::exists(path(key))) return false;
  Journal(path(key), key).copy_to(journal, task);
  return true;
}

void AnswerCache::keep(const std::string& key, const JournalKey& task,
                       const Journal& journal) const {
  if (folder_.empty() || std::filesystem::exists(path(key))) return;
  std::filesystem::create_directories(folder_);
  // Of this process alone until it is whole.
  const std::string partial = cat(path(key), ".", getpid(), ".part");
  std::filesystem::remove(partial);
  {
    Journal kept(partial, key);
    journal.copy_to(kept, task);
  }
  std::filesystem::rename(partial, path(key));
}

}  // namespace evalharness
