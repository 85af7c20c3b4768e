// The command line: one table of verbs.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>

#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "harness/cli/verbs.h"
#include "harness/measure/machine.h"
#include "harness/base/interrupt.h"

namespace {

using namespace evalharness;

constexpr int kUsersMistake = 2;
constexpr int kInterrupted = 130;

void add_run_options(CLI::App& verb, RunArguments& arguments) {
  verb.add_option("CONFIG", arguments.config, "YAML file, see configs/")->required();
  verb.add_option("--set", arguments.overrides.set, "KEY=VALUE, as calibration.samples=32; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--limit", arguments.overrides.limit, "first N documents (windows) of every task, or random:N[:SEED] of them; 0 for all")->expected(1);
  verb.add_flag("--full", arguments.overrides.full, "lift the config's own limits");
  verb.add_flag("--offline", arguments.offline, "never touch the network");
}

void add_model_options(CLI::App& verb, ModelArguments& arguments) {
  verb.add_option("MODEL", arguments.model, "a name of `list models`, a folder (of `compress` too), or a .gguf file")->required();
  verb.add_flag("--offline", arguments.offline, "never touch the network");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Compress a language model, run what came out, and print quality and speed in one table.", "evalharness");
  app.set_version_flag("--version", [] { return cat("evalharness ", EVALHARNESS_VERSION, " (", build_commit(), ")"); });
  app.require_subcommand(1);
  app.footer("Examples:\n  evalharness run configs/wanda_50.yaml\n  evalharness plan configs/wanda_50.yaml --full\n"
             "  evalharness list methods\n\n`evalharness VERB --help` says more.");
  size_t threads = 0;
  bool quiet = false;
  std::function<int()> action;
  const auto add_verb = [&](const char* name, const char* summary, const char* example) {
    CLI::App* verb = app.add_subcommand(name, summary);
    verb->footer(std::string("Example:\n  evalharness ") + example);
    verb->add_option("--threads", threads, "cores to use; default: all");
    verb->add_flag("--quiet", quiet, "no progress on stderr");
    return verb;
  };

  RunArguments run;
  CLI::App* verb = add_verb("run", "Compress, evaluate and measure as a config says", "run configs/wanda_50.yaml --limit 20");
  add_run_options(*verb, run);
  verb->add_option("--out", run.out, "folder of the record; default runs/<name>-<time>");
  verb->add_option("--resume", run.resume, "go on with the interrupted run in this folder");
  verb->add_flag("--fresh", run.fresh, "ask the dense model again, though its answers are kept");
  verb->callback([&] { action = [&] { return run_verb(run); }; });

  verb = add_verb("sweep", "Run every cell of a suite and compare them on one page", "sweep configs/suites/core.yaml");
  add_run_options(*verb, run);
  verb->add_option("--out", run.out, "folder of the cells and the page; default runs/<suite>");
  verb->add_flag("--fresh", run.fresh, "ask the dense model again, though its answers are kept");
  verb->callback([&] { action = [&] { return sweep_verb(run); }; });

  verb = add_verb("compress", "Compress as a config says and save the model, ready to run",
                  "compress configs/wanda_50.yaml --out models/wanda_50");
  add_run_options(*verb, run);
  verb->add_option("--out", run.out, "folder of the model")->required();
  verb->callback([&] { action = [&] { return compress_verb(run); }; });

  verb = add_verb("plan", "Requests, tokens and memory of a run, without running it", "plan configs/wanda_50.yaml --full");
  add_run_options(*verb, run);
  verb->callback([&] { action = [&] { return plan_verb(run); }; });

  verb = add_verb("validate", "Check a config and print it with its defaults", "validate configs/wanda_50.yaml");
  add_run_options(*verb, run);
  verb->callback([&] { action = [&] { return validate_verb(run); }; });

  std::string task_folder, task_output = "table";
  verb = add_verb("tasks", "Look at task files of lm-evaluation-harness", "tasks check lm-evaluation-harness/lm_eval/tasks");
  verb->require_subcommand(1);
  CLI::App* check = verb->add_subcommand("check", "How many of the files below a folder are understood, and why others are not");
  check->fallthrough();  // --threads and --quiet are the verb's
  check->add_option("PATH", task_folder, "folder of .yaml files")->required();
  check->add_option("--output", task_output, "table or json")->check(CLI::IsMember({"table", "json"}));
  check->callback([&] { action = [&] { return tasks_check_verb(task_folder, task_output); }; });

  std::string what;
  verb = add_verb("list", "Methods, tasks, models, datasets and backends there are", "list tasks");
  verb->add_option("WHAT", what, "methods, tasks, models, datasets or backends; default: all");
  verb->callback([&] { action = [&] { return list_verb(what); }; });

  std::vector<std::string> names;
  bool offline = false;
  verb = add_verb("fetch", "Bring models and datasets into the cache, by checksum; prints their paths", "fetch smollm2-135m piqa");
  verb->add_option("NAME", names, "models and datasets by name")->required();
  verb->add_flag("--offline", offline, "fail where a file is not in the cache");
  verb->callback([&] { action = [&] { return fetch_verb(names, offline); }; });

  std::string folder, format = "table";
  verb = add_verb("report", "Print the record of a run again, without a model", "report runs/wanda_50-20261125-101500 --format md");
  verb->add_option("RUN_DIR", folder, "folder of record.json")->required();
  verb->add_option("--format", format, "table, md, csv, json or svg");
  verb->callback([&] { action = [&] { return report_verb(folder, format); }; });

  CompareArguments compare;
  verb = add_verb("compare", "Two finished runs, document by document: both values, their difference, its error and test",
                  "compare runs/wanda_50-20261125-101500 runs/gptq_3bit-20261125-113000\n"
                  "  evalharness compare runs/core/rtn-4bit-0123456789ab runs/core/gptq-4bit-ba9876543210 --format csv\n"
                  "  evalharness compare runs/bf16 runs/f32 --variant dense");
  verb->add_option("RUN_A", compare.a, "folder of a run, or of a cell of a sweep")->required();
  verb->add_option("RUN_B", compare.b, "another one, of the same model; B is compared against A")->required();
  verb->add_option("--variant", compare.variant, "dense or compressed, of both; default: compressed where a run has one");
  verb->add_option("--format", compare.format, "md, csv or json")->check(CLI::IsMember({"md", "csv", "json"}));
  verb->callback([&] { action = [&] { return compare_verb(compare); }; });

  ModelArguments model;
  std::vector<std::string> text;
  verb = add_verb("tokenize", "JSON strings in, JSON arrays of token ids out, line by line",
                  "tokenize smollm2-135m --text 'Hello there'");
  add_model_options(*verb, model);
  verb->add_option("--text", text, "this text in place of standard input")->expected(1);
  verb->callback([&] { action = [&] { return tokenize_verb(model, text); }; });

  bool token_log_probs = false;
  verb = add_verb("score",
                  "Requests in, answers out, one JSON object a line, in order: {context, target}, {context, until, max_tokens} or "
                  "{rolling: text}, a whole text's log-likelihood by windows",
                  "score smollm2-135m <<< '{\"context\": \"The sky is\", \"target\": \" blue\"}'");
  add_model_options(*verb, model);
  verb->add_option("--dtype", model.dtype, "bf16 or f32");
  verb->add_option("--gemm", model.gemm, "fastest, onednn or openblas");
  verb->add_flag("--token-log-probs", token_log_probs, "add the log-probability of every token");
  verb->callback([&] { action = [&] { return score_verb(model, token_log_probs); }; });

  BenchConfig bench;
  std::string output = "md";
  verb = add_verb("bench", "Tokens a second of a model's shape in weight formats",
                  "bench smollm2-135m --formats dense.bf16,sparse.2:4.bf16 --prefill 512 --decode 128 --batch 1,8 --depth 0,2048");
  verb->add_option("MODEL", bench.model, "a name of `list models`, a path, or synthetic:llama-7b (-1b, -3b, -13b)")->required();
  verb->add_option("--formats", bench.formats, "weight formats of the blocks' linear layers; default: as they are stored")->delimiter(',');
  verb->add_option("--prefill", bench.prefill, "tokens read at once")->delimiter(',');
  verb->add_option("--decode", bench.decode, "tokens made one by one")->delimiter(',');
  verb->add_option("--batch", bench.batch, "sequences at a time")->delimiter(',');
  verb->add_option("--depth", bench.depth, "tokens in the cache before")->delimiter(',');
  verb->add_option("--sparsity", bench.sparsity, "zeros for formats that leave them out");
  verb->add_option("--head", bench.head, "dense, bf16, f32 or int8");
  verb->add_option("--seconds", bench.seconds, "for each test and format, warm-up apart");
  verb->add_option("--output", output, "md, csv or json");
  verb->add_flag("--offline", bench.offline, "never touch the network");
  verb->callback([&] { action = [&] { return bench_verb(bench, output); }; });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsersMistake;  // --help and --version end here too
  }
  try {
    if (threads > 0) set_thread_count(threads);
    if (quiet) Progress::set_enabled(false);
    return action();
  } catch (const Interrupted&) {
    return kInterrupted;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "evalharness: %s\n", error.what());
    return kUsersMistake;
  }
}
