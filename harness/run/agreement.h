// How far a compressed model's answers are from the dense model's own, document by document (tasks of output_type
// agreement):
//   rougeL         F of the longest common subsequence of words, the dense answer being the reference (rouge.h)
//   exact_match    the same text, but for whitespace at its ends
//   length_ratio   characters of the compressed model's answer over those of the dense one's, so compared
//   kl_divergence  both models in lock-step along the dense answer's text: mean over its tokens of KL(dense ||
//                  compressed), nats, over the whole vocabulary
//   judge          what a program of the user's says of the compressed model's answer (judge.h), where there is one
// Each is a mean over the documents. Those for which the dense model wrote nothing have nothing to compare: they are left
// out of all of them, and counted.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/metrics/item.h"
#include "harness/result/journal.h"
#include "harness/result/run_result.h"
#include "harness/run/evaluate.h"
#include "harness/scorer/scorer.h"

namespace evalharness {

struct AgreementOptions {
  std::string backend;
  std::string judge;   // command; "": none
  std::string folder;  // of agreement_<task>.jsonl, a line a document, and of the judge's files
};

// Fills the metrics of `compressed`, and what was skipped. Both models' answers are in the journal; `pair` (a PairScorer)
// fills Answer::token_divergences. Gives what the record says of the judge ({command, answers, output_sha256}); null
// without one.
Value measure_agreement(const RunTask& task, const TaskData& data, Scorer& pair, Journal& journal,
                        const AgreementOptions& options, TaskResult& compressed);

// The same metrics, empty, with the reason why.
void leave_agreement_empty(const std::string& reason, TaskResult& result);

// What agreement_<task>.jsonl in the folder of a run says: of each document that the dense model answered, in order.
struct RecordedAgreement {
  std::vector<size_t> ids;                         // rows of the split
  std::vector<std::string> references;             // the dense model's answers
  std::map<std::string, std::vector<Item>> items;  // "rougeL,none"
};
// Nothing where the run compared none. Fails on a line that lacks a score which the first line has, naming it.
std::optional<RecordedAgreement> recorded_agreement(const std::string& folder, const std::string& task);

}  // namespace evalharness
