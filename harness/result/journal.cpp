// The journal's file: a header line with the run's hash, then one line an answer.
#include "harness/result/journal.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/result/archive.h"

namespace evalharness {

struct JournalHeader {
  std::string run_hash;
};
struct JournalLine {
  JournalKey key;
  std::string request_hash;
  Answer answer;
};

void visit(auto& archive, Like<JournalHeader> auto& header) {
  archive("run_hash", header.run_hash);
}

void visit(auto& archive, Like<JournalLine> auto& line) {
  archive("variant", line.key.variant);
  archive("backend", line.key.backend);
  archive("task", line.key.task);
  archive("request", line.key.request);
  archive("first_window", line.key.first_window);
  archive("request_hash", line.request_hash);
  archive.log_prob("log_prob", line.answer.log_prob);
  archive("tokens", line.answer.tokens);
  archive("greedy", line.answer.greedy);
  archive.log_probs("token_log_probs", line.answer.token_log_probs);
  archive("window_tokens", line.answer.window_tokens);
  archive("windows_available", line.answer.windows_available);
  archive.bytes("texts", line.answer.texts);
  archive("truncated", line.answer.truncated);
}

namespace {

template <class Record>
Record parse_line(std::string_view text, const std::string& where) {
  Record record;
  Reader::read({parse_json(text, where), "", where}, record);
  return record;
}

template <class Record>
std::string line_of(const Record& record) {
  return to_json(Writer::write(record, "")) + "\n";
}

std::string system_error() { return std::strerror(errno); }

}  // namespace

Journal::Journal(const std::string& path, const std::string& run_hash) : path_(path) {
  if (std::filesystem::exists(path)) read(run_hash);
  file_ = std::fopen(path.c_str(), "ab");
  if (file_ == nullptr) fail(cat(path, ": cannot open: ", system_error()));
  if (std::filesystem::file_size(path) == 0) write(line_of(JournalHeader{run_hash}));
}

Journal::~Journal() {
  if (file_ != nullptr) std::fclose(file_);
}

const Answer* Journal::find(const JournalKey& key) const {
  const auto found = answers_.find(key);
  return found == answers_.end() ? nullptr : &found->second;
}

void Journal::add(const JournalKey& key, const std::string& request_hash, const Answer& answer) {
  write(line_of(JournalLine{key, request_hash, answer}));
  answers_.insert_or_assign(key, answer);
}

void Journal::read(const std::string& run_hash) {
  const std::string text = read_text(path_);
  size_t begin = 0;
  for (size_t number = 1; begin < text.size(); ++number) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    read_line(std::string_view(text).substr(begin, end - begin), number, run_hash);
    begin = end + 1;
  }
  // What a kill left of its last line goes, or the next line would be glued to it.
  if (begin < text.size()) std::filesystem::resize_file(path_, begin);
}

void Journal::read_line(std::string_view text, size_t number, const std::string& run_hash) {
  const std::string where = cat(path_, ":", number);
  if (number == 1) {
    const std::string found = parse_line<JournalHeader>(text, where).run_hash;
    if (found != run_hash)
      fail(
          cat(path_,
              ": the journal of another run (its config, model or data differ): expected run_hash ",
              run_hash, ", got ", found));
    return;
  }
  JournalLine line = parse_line<JournalLine>(text, where);
  answers_.insert_or_assign(std::move(line.key), std::move(line.answer));
}

void Journal::write(const std::string& line) {
  if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() || std::fflush(file_) != 0)
    fail(cat(path_, ": cannot write: ", system_error()));
}

}  // namespace evalharness
