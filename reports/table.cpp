// The one table, aligned for a terminal.
#include <algorithm>

#include "harness/base/text.h"
#include "reports/comparison.h"
#include "reports/format.h"
#include "reports/report.h"

namespace evalharness {
namespace {

constexpr size_t kTableWidth = 110;
constexpr size_t kGap = 2;

class Painter {
 public:
  explicit Painter(bool colour) : colour_(colour) {}
  std::string bold(const std::string& text) const { return paint("1", text); }
  std::string dim(const std::string& text) const { return paint("2", text); }
  std::string verdict(const std::string& text, int verdict) const {
    return verdict == 0 ? text : paint(verdict > 0 ? "32" : "31", text);
  }

 private:
  std::string paint(const char* code, const std::string& text) const {
    return colour_ && !is_blank(text) ? cat("\x1b[", code, "m", text, "\x1b[0m") : text;
  }
  bool colour_;
};

// Breaks at spaces; later lines start below the first one's text.
std::string wrapped(const std::string& text, size_t indent) {
  std::string lines, line;
  for (const std::string& word : split_whitespace(text)) {
    if (!line.empty() && code_points(line) + 1 + code_points(word) > kTableWidth) {
      lines += line + "\n";
      line = std::string(indent, ' ') + word;
    } else {
      line += (line.empty() ? "" : " ") + word;
    }
  }
  return lines + line + "\n";
}

std::string label_of(const ComparisonRow& row) { return cat("  ", row.label, note_marks(row)); }

// The columns' texts of a row, the label first.
std::vector<std::string> texts_of(const ComparisonRow& row) {
  std::vector<std::string> texts = {label_of(row)};
  texts.insert(texts.end(), row.cells.begin(), row.cells.end());
  texts.insert(texts.end(), {row.change, row.count, row.protocol});
  return texts;
}

class TextTable {
 public:
  TextTable(const Comparison& table, Painter painter) : table_(table), painter_(painter) {
    header_ = {""};
    header_.insert(header_.end(), table.columns.begin(), table.columns.end());
    header_.insert(header_.end(), {"change", "n", "protocol"});
    for (const std::string& title : header_) widths_.push_back(code_points(title));
    for (const ComparisonSection& section : table.sections)
      for (const ComparisonRow& row : section.rows) widen(texts_of(row));
    hide_empty();
    limit_label();
  }

  std::string text() const {
    std::string out = painter_.bold(line(header_, 0)) + "\n";
    for (const ComparisonSection& section : table_.sections) {
      out += painter_.bold(section.title) + "\n";
      for (const ComparisonRow& row : section.rows) out += row_text(row);
    }
    return out;
  }

 private:
  void widen(const std::vector<std::string>& texts) {
    for (size_t i = 0; i < texts.size(); ++i)
      widths_[i] = std::max(widths_[i], code_points(texts[i]));
  }
  // A column that holds nothing (the change, of a dense model alone) is left out.
  void hide_empty() {
    hidden_.assign(widths_.size(), true);
    hidden_[0] = false;
    for (size_t i = 1; i <= table_.columns.size(); ++i) hidden_[i] = false;
    for (const ComparisonSection& section : table_.sections)
      for (const ComparisonRow& row : section.rows) {
        const std::vector<std::string> texts = texts_of(row);
        for (size_t i = 0; i < texts.size(); ++i) hidden_[i] = hidden_[i] && texts[i].empty();
      }
  }
  void limit_label() {
    size_t others = 0;
    for (size_t i = 1; i < widths_.size(); ++i) others += hidden_[i] ? 0 : widths_[i] + kGap;
    constexpr size_t kLeast = 12;
    widths_[0] = std::min(widths_[0], kTableWidth - std::min(kTableWidth - kLeast, others));
  }

  // A label that is too long stands on a line of its own.
  std::string row_text(const ComparisonRow& row) const {
    std::vector<std::string> texts = texts_of(row);
    std::string above;
    if (code_points(texts[0]) > widths_[0]) {
      above = texts[0] + "\n";
      texts[0].clear();
    }
    return above + line(texts, row.verdict) + "\n";
  }

  std::string line(const std::vector<std::string>& texts, int verdict) const {
    const size_t change = table_.columns.size() + 1;
    const size_t last = texts.size() - 1;
    std::string out = pad_right(texts[0], widths_[0]);
    for (size_t i = 1; i < last; ++i) {
      if (hidden_[i]) continue;
      const std::string cell = std::string(kGap, ' ') + pad_left(texts[i], widths_[i]);
      out += i == change ? painter_.verdict(cell, verdict) : cell;
    }
    if (!hidden_[last] && !texts[last].empty())
      out += std::string(kGap, ' ') + painter_.dim(texts[last]);
    return out.substr(0, out.find_last_not_of(' ') + 1);
  }

  const Comparison& table_;
  Painter painter_;
  std::vector<std::string> header_;
  std::vector<size_t> widths_;
  std::vector<bool> hidden_;
};

}  // namespace

std::string report_table(const RunResult& result, bool colour) {
  const Comparison table = compare_variants(result);
  const Painter painter(colour);
  std::string out;
  const std::vector<std::string> lines = headline(result);
  for (size_t i = 0; i < lines.size(); ++i)
    out += i == 0 ? painter.bold(lines[i]) + "\n" : wrapped(lines[i], 0);
  out += cat("\n", TextTable(table, painter).text());
  if (!table.unavailable.empty() || !table.notes.empty()) out += "\n";
  for (const std::string& line : table.unavailable) out += wrapped(line, 2);
  for (size_t i = 0; i < table.notes.size(); ++i)
    out += wrapped(cat("[", i + 1, "] ", table.notes[i]), 4);
  return out;
}

}  // namespace evalharness
