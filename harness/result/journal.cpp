// The journal's file: a header line with the run's hash, then one line an answer.
#include "harness/result/journal.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "harness/base/json.h"
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
  archive.log_probs("token_divergences", line.answer.token_divergences);
  archive("window_tokens", line.answer.window_tokens);
  archive("windows_available", line.answer.windows_available);
  archive.bytes("texts", line.answer.texts);
  archive("unfinished", line.answer.unfinished);
  archive("truncated", line.answer.truncated);
  archive("saved", line.answer.saved);
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

std::string group_of(const JournalKey& key) {
  return cat(key.variant, '\n', key.backend, '\n', key.task);
}

// Written lines are flushed, so a stream of its own sees them, and appending needs no seek.
JournalLine line_at(std::ifstream& file, const std::string& path, uint64_t offset, size_t number) {
  file.seekg(static_cast<std::streamoff>(offset));
  std::string text;
  if (!std::getline(file, text)) fail(cat(path, ":", number, ": cannot read"));
  return parse_line<JournalLine>(text, cat(path, ":", number));
}

std::string system_error() { return std::strerror(errno); }

}  // namespace

Journal::Journal(const std::string& path, const std::string& run_hash) : path_(path) {
  file_ = std::fopen(path.c_str(), "ab");
  if (file_ == nullptr) fail(cat(path, ": cannot open: ", system_error()));
  read(run_hash);
  if (end_ == 0) write(line_of(JournalHeader{run_hash}));
}

Journal::~Journal() {
  if (file_ != nullptr) std::fclose(file_);
}

size_t Journal::size() const {
  size_t count = 0;
  for (const auto& [group, places] : lines_of_) count += places.size();
  return count;
}

std::optional<Answer> Journal::find(const JournalKey& key) const {
  const auto places = lines_of_.find(group_of(key));
  if (places == lines_of_.end()) return std::nullopt;
  const auto found = places->second.find({key.request, key.first_window});
  if (found == places->second.end()) return std::nullopt;
  std::ifstream file(path_, std::ios::binary);
  return line_at(file, path_, found->second.offset, found->second.number).answer;
}

std::vector<size_t> Journal::first_windows(const JournalKey& request) const {
  std::vector<size_t> windows;
  const auto places = lines_of_.find(group_of(request));
  if (places == lines_of_.end()) return windows;
  for (auto at = places->second.lower_bound({request.request, 0});
       at != places->second.end() && at->first.first == request.request; ++at)
    windows.push_back(at->first.second);
  return windows;
}

void Journal::add(const JournalKey& key, const std::string& request_hash, const Answer& answer) {
  const uint64_t offset = end_;
  write(line_of(JournalLine{key, request_hash, answer}));
  index(key, {offset, lines_});
}

void Journal::copy_to(Journal& other, const JournalKey& task) const {
  const auto places = lines_of_.find(group_of(task));
  if (places == lines_of_.end()) return;
  std::ifstream file(path_, std::ios::binary);
  for (const auto& [place, line] : places->second) {
    const JournalLine read = line_at(file, path_, line.offset, line.number);
    if (!other.find(read.key)) other.add(read.key, read.request_hash, read.answer);
  }
}

void Journal::index(const JournalKey& key, Line line) {
  lines_of_[group_of(key)].insert_or_assign({key.request, key.first_window}, line);
}

// Line by line: a journal may be larger than the memory.
void Journal::read(const std::string& run_hash) {
  std::ifstream file(path_, std::ios::binary);
  std::string text;
  while (std::getline(file, text) && !file.eof()) {
    read_line(text, {end_, lines_ + 1}, run_hash);
    end_ += text.size() + 1;
    ++lines_;
  }
  // What a kill left of its last line goes, or the next line would be glued to it.
  if (std::filesystem::file_size(path_) > end_) std::filesystem::resize_file(path_, end_);
}

void Journal::read_line(std::string_view text, Line line, const std::string& run_hash) {
  const std::string where = cat(path_, ":", line.number);
  if (line.number > 1) return index(parse_line<JournalLine>(text, where).key, line);
  const std::string found = parse_line<JournalHeader>(text, where).run_hash;
  if (found != run_hash)
    fail(cat(path_,
             ": the journal of another run (its config, model or data differ; is EVALHARNESS_DATA as it was?): expected run_hash ",
             run_hash, ", got ", found));
}

void Journal::write(const std::string& line) {
  if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() || std::fflush(file_) != 0)
    fail(cat(path_, ": cannot write: ", system_error()));
  end_ += line.size();
  ++lines_;
}

}  // namespace evalharness
