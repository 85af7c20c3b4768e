// What a check of task files says, as a table by family and as JSON.

#include <map>

#include "harness/base/text.h"
#include "tasks/task_check.h"

namespace evalharness {
namespace {

using Status = CheckedFile::Status;

struct Column {
  Status status;
  const char* name;     // of the table
  const char* meaning;  // of the legend
};

const std::vector<Column>& columns() {
  static const std::vector<Column> table = {
      {Status::kRuns, "runs", "loads, renders a sample row, and its dataset has a manifest here"},
      {Status::kNoDataset, "no data", "loads and renders; its dataset has no manifest here"},
      {Status::kNotRendered, "unrendered", "loads, but no sample row gave requests"},
      {Status::kNeedsPython, "python", "a field is a Python function, which is not run here"},
      {Status::kNotText, "not text", "images, sound, or code of a model that would be run"},
      {Status::kFails, "fails", "is not understood"},
      {Status::kGroup, "groups", "names other tasks"},
      {Status::kTemplate, "templates", "is included by tasks"}};
  return table;
}

const char* name_of(Status status) {
  for (const Column& column : columns())
    if (column.status == status) return column.name;
  return "";
}

using Counts = std::map<Status, size_t>;

std::string padded(const std::string& text, size_t width) {
  return (text.size() < width ? std::string(width - text.size(), ' ') : "") + text;
}

std::string row(const std::string& family, const Counts& counts) {
  std::string line = family + std::string(family.size() < 32 ? 32 - family.size() : 1, ' ');
  for (const Column& column : columns()) {
    const auto found = counts.find(column.status);
    line += padded(found == counts.end() ? "." : std::to_string(found->second), 11);
  }
  return line + "\n";
}

// "  5126  process_docs": by what is asked for, the most frequent first.
std::string tally(const std::map<std::string, size_t>& counts) {
  std::multimap<size_t, std::string, std::greater<>> ranked;
  for (const auto& [name, count] : counts) ranked.emplace(count, name);
  std::string text;
  for (const auto& [count, name] : ranked) text += padded(std::to_string(count), 8) + "  " + name + "\n";
  return text;
}

struct PythonUse {
  std::map<std::string, size_t> fields;      // a file may count for several
  std::map<std::string, size_t> transforms;  // of files where process_docs alone is Python
  size_t only_process_docs = 0, covered = 0;
};

PythonUse python_use(const std::vector<CheckedFile>& files) {
  PythonUse use;
  for (const CheckedFile& file : files) {
    for (const std::string& field : file.python) ++use.fields[field];
    if (file.python.size() != 1 || !file.python.count("process_docs")) continue;
    ++use.only_process_docs;
    use.covered += !file.instead.empty();
    for (const std::string& name : file.instead) ++use.transforms[name];
  }
  return use;
}

std::string complaints(const std::vector<CheckedFile>& files) {
  constexpr size_t kMost = 20;
  std::string text;
  size_t count = 0;
  for (const CheckedFile& file : files)
    if ((file.status == Status::kFails || file.status == Status::kNotRendered) && ++count <= kMost)
      text += cat("  ", file.reason, "\n");
  if (count > kMost) text += cat("  and ", count - kMost, " more: --output json\n");
  return text.empty() ? "" : "\nnot understood:\n" + text;
}

}  // namespace

std::string task_check_table(const std::vector<CheckedFile>& files) {
  std::map<std::string, Counts> families;
  Counts all;
  for (const CheckedFile& file : files) ++families[file.family][file.status], ++all[file.status];
  std::string text = "family" + std::string(26, ' ');
  for (const Column& column : columns()) text += padded(column.name, 11);
  text += "\n";
  for (const auto& [family, counts] : families) text += row(family, counts);
  text += row("all", all) + "\n";
  for (const Column& column : columns()) text += cat(padded(column.name, 11), "  ", column.meaning, "\n");
  const PythonUse use = python_use(files);
  if (!use.fields.empty()) text += "\nfields that are Python functions, and files that have them:\n" + tally(use.fields);
  if (use.only_process_docs > 0)
    text += cat("\nprocess_docs alone: ", use.only_process_docs, " files; `transforms:` can do what ",
                use.covered, " of them do, by\n", tally(use.transforms));
  return text + complaints(files);
}

Value task_check_json(const std::vector<CheckedFile>& files) {
  Value list{Value::List{}};
  for (const CheckedFile& file : files) {
    Value entry{Value::Map{}};
    entry.set("path", file.path);
    entry.set("family", file.family);
    entry.set("status", name_of(file.status));
    if (!file.reason.empty()) entry.set("reason", file.reason);
    Value& python = entry.set("python", Value::List{});
    for (const std::string& field : file.python) python.push(field);
    Value& instead = entry.set("transforms", Value::List{});
    for (const std::string& name : file.instead) instead.push(name);
    if (!file.requests.is_null()) {
      entry.set("row", file.row);
      entry.set("requests", file.requests);
    }
    list.push(std::move(entry));
  }
  Value report{Value::Map{}};
  report.set("files", std::move(list));
  return report;
}

}  // namespace evalharness
