// tokenize, score: the tokenizer and the engine as Unix filters; bench.

#include <iostream>

#include "harness/base/error.h"
#include "harness/base/interrupt.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/cli/score_lines.h"
#include "harness/cli/verbs.h"
#include "harness/engine/model_scorer.h"
#include "harness/run/model_list.h"

namespace evalharness {
namespace {

std::string ids_json(const std::vector<int32_t>& ids) {
  Value list{Value::List{}};
  for (const int32_t id : ids) list.push(id);
  return to_json(list);
}

Dtype parse_dtype(const std::string& name) {
  if (name != "bf16" && name != "f32") fail(cat("--dtype: expected one of bf16, f32, got '", name, "'"));
  return dtype_named(name);
}

}  // namespace

int tokenize_verb(const ModelArguments& arguments, const std::vector<std::string>& text) {
  const auto tokenizer = open_tokenizer(resolve_model(arguments.model, arguments.offline));
  for (const std::string& one : text) std::cout << ids_json(tokenizer->encode(one)) << '\n';
  if (!text.empty()) return 0;
  std::string line;
  for (size_t row = 1; std::getline(std::cin, line); ++row) {
    const Value value = parse_json(line, cat("stdin:", row));
    if (!value.is_string()) fail(cat("stdin:", row, ": expected a JSON string, got ", value.type_name()));
    std::cout << ids_json(tokenizer->encode(value.string())) << '\n';
  }
  return 0;
}

int score_verb(const ModelArguments& arguments, bool token_log_probs) {
  const std::string path = resolve_model(arguments.model, arguments.offline);
  const auto tokenizer = open_tokenizer(path);
  const Model model = load_model(*open_checkpoint(path), parse_dtype(arguments.dtype));
  const auto backend = make_cpu_backend({.isa = best_isa(), .gemm = gemm_library(arguments.gemm)});
  Transformer transformer(model, *backend);
  ModelScorer scorer(transformer, *tokenizer, {});
  score_lines(std::cin, std::cout, scorer, token_log_probs);
  return 0;
}

int bench_verb(const BenchConfig& config, const std::string& output) {
  bench_text({}, output);  // a wrong name costs a second, not the whole measurement
  watch_interrupts();
  std::cout << bench_text(bench(config), output);
  return 0;
}

}  // namespace evalharness
