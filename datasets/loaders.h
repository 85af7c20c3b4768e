// Files of rows to documents. Every error names file and row: "piqa/valid.jsonl:17: ...".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "datasets/document.h"
#include "datasets/manifest.h"

namespace evalharness {

// Names of the formats:
//   jsonl           one JSON object a line; blank lines are skipped
//   json            a list of objects, or an object whose field "examples" is one
//   bigbench        such an object with `input` and `target_scores` ({choice: 0 or 1}); columns inputs
//                   ("Q: <input>\nA:"), targets, multiple_choice_targets, multiple_choice_scores
//   bbh-cot-prompt  solved examples of BIG-Bench Hard, its cot-prompts/*.txt; columns description (of the task, alike in
//                   all rows), input, reasoning ("... So the answer is (B).") and target ("(B)")
//   lm-eval-samples the `samples` of the `fewshot_config` of a task file of lm-evaluation-harness
//   csv             first row names the columns; quotes as in RFC 4180; every value is text
//   text-lines      one document a line, stripped, in field `text`
//   text-whole      one document, in field `text`
//   wikitext-rows   Hugging Face's rows: each line with its newline; a blank line is the empty
//   string wikitext-pages  one document an article, in field `page`
//   (EleutherAI/wikitext_document_level)
const std::vector<std::string>& data_formats();

// The documents of a file's text. `name` stands in errors and in Document::where().
std::vector<Document> parse_rows(std::string_view text, const std::string& format,
                                 const std::string& name);

// A document with only the projected fields: copy takes a field as it is; columns turns a list of
// maps into a map of lists ([{label: A, text: x}] -> {label: [A], text: [x]}), as Hugging Face's
// sequences do; labelled turns a list of texts into {text: [..], label: [A, B, ..]}; letter turns 2
// into "C"; integer turns true into 1.
Document reshape(const Document& row, const std::vector<Projection>& projections);

}  // namespace evalharness
