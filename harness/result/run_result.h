// The record of a run: plain data, all that reports/ reads. to_json() gives record.json, whose form is
// reports/record.schema.json; from_json() reads it back.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/value.h"

namespace evalharness {

// A measured number with its error, or no number and the reason why ("simulated", "diverged", "no GPU").
struct Estimate {
  std::optional<double> value;
  std::optional<double> standard_error;
  std::optional<double> low, high;  // 95 % interval, where one was computed
  size_t n = 0;                     // documents, windows or repetitions behind it
  std::string reason;               // why there is no value

  static Estimate missing(std::string why) {
    Estimate estimate;
    estimate.reason = std::move(why);
    return estimate;
  }
  bool operator==(const Estimate&) const = default;
};

struct LayerReport {
  std::string name;    // "model.layers.0.self_attn.q_proj"
  std::string format;  // "sparse.bitmask.bf16"
  double bits_per_weight = 0;
  double sparsity = 0;                 // fraction of zeros among the stored weights
  std::optional<double> weight_error;  // ||W - W'||^2 / ||W||^2 of what the method changed; empty where that is nothing
  std::optional<double> output_error;  // ||X (W - W')^T||^2 / ||X W^T||^2 on the calibration inputs
  bool operator==(const LayerReport&) const = default;
};

struct StepReport {
  std::string method;
  double seconds = 0;
  double passes = 0;               // how often the blocks ran over the whole calibration set
  uint64_t peak_memory_bytes = 0;  // resident in this process meanwhile
  double bits_per_weight = 0, sparsity = 0;  // of the blocks' linears, behind it
  Value details;  // calibration draws, counts of ties, dead columns, ... (map)
  std::vector<LayerReport> layers;
  bool operator==(const StepReport&) const = default;
};

struct SizeReport {
  uint64_t disk_bytes = 0;    // all weights as they are saved
  uint64_t memory_bytes = 0;  // all weights as they are held, bound to the backend
  double bits_per_weight = 0, bits_per_weight_linears = 0;  // whole model; block linears only
  double sparsity = 0, sparsity_linears = 0;                // counted from the stored weights
  double compression_ratio = 1;  // dense disk bytes / these, both in the run's dtype
  bool operator==(const SizeReport&) const = default;
};

struct TaskResult {
  std::string protocol;    // "wikitext2-2048", "lm-eval 1.0"
  size_t documents = 0;    // evaluated (windows, for a perplexity)
  size_t available = 0;    // there are
  bool sample = false;     // the data is the bundled sample
  // Rows of the dataset that were not asked about, by what left them out: "limit", "transforms", "max_documents".
  std::map<std::string, size_t> skipped;
  size_t truncated = 0;    // requests whose context was cut on the left
  size_t unfinished = 0;   // generated texts that ended at the task's max_gen_toks, not at a stop
  std::map<std::string, size_t> unextracted;  // filter -> documents in whose answer it found nothing
  size_t saved_tokens = 0; // of prompts, computed once for several requests
  double seconds = 0;
  std::map<std::string, Estimate> metrics;  // "acc,none", "perplexity"
  bool operator==(const TaskResult&) const = default;
};

// Several tasks as one: the means of their metrics, and the sums of all that is counted.
struct GroupResult {
  std::vector<std::string> tasks;
  TaskResult total;  // protocol: "lm-eval 3.0, 27 tasks by size"
  bool operator==(const GroupResult&) const = default;
};

// One percentile of a latency; refused ("n/a (need 662)") where there are too few samples for it.
struct LatencyPercentile {
  double percent = 0;              // 50, 90, 99
  Estimate nearest_rank_ms;        // a sample, no interpolation
  Estimate conservative_ms;        // not below the true one, with 99 % confidence
  bool operator==(const LatencyPercentile&) const = default;
};

struct SpeedResult {
  std::string phase;       // "prefill" or "decode"
  size_t batch = 1;
  size_t tokens = 0;       // processed (prefill) or generated (decode) in one repetition, one sequence
  size_t context = 0;      // tokens in the cache before
  Estimate tokens_per_second;
  Estimate latency_ms;     // of the whole prefill (time to the first token), or a decoded token's share of a repetition
  // Each prefill is a sample, or each step of decoding; those of the warm-up are left out.
  std::vector<LatencyPercentile> percentiles;
  Estimate flops;          // dense-equivalent FLOP of one repetition
  double executed_flops = 0, effective_flops = 0;
  double minimum_bytes = 0;  // weights + KV + inputs and outputs, once
  // Shares of the probed peaks. MFU is of the peak of the arithmetic that was executed, integers by theirs; it counts
  // what a dense model would do, so a model that executes less of it may exceed 1.
  Estimate mfu, mbu;
  Estimate share_of_best_gemm;
  Estimate speedup;          // against the dense variant in the same run; of dense: 1
  Estimate roofline_speedup;  // the bound of the dense pass over that of this one: what the roofs allow; of dense: 1
  std::vector<std::string> notes;  // doubts: "the warm-up ended before the times settled"
  bool operator==(const SpeedResult&) const = default;
};

// One horizontal or slanted line of a roofline.
struct Ceiling {
  std::string name;          // "bf16 multiply peak (avx512bf16, 2 threads)", "read, 256 MiB working set"
  double per_second = 0;     // FLOP/s or bytes/s
  double working_set = 0;    // bytes, of a bandwidth
  std::string role;          // "roof" (bounds are computed from it) or "line"
  bool operator==(const Ceiling&) const = default;
};
struct RooflinePoint {
  std::string name;          // "q, k, v_proj", "attention", "head", "norms, rotation, gates", "pass" that these are parts of, "model" as timed
  std::string phase;         // "prefill", "decode"
  std::string kernel;        // what ran
  double calls = 1;          // in one pass of the model
  double flops = 0;          // dense-equivalent, of one call
  double executed_flops = 0;
  double bytes = 0;          // least bytes moved, of one call
  Estimate seconds;          // measured, of one call
  double bound_seconds = 0;  // max(executed / peak, bytes / bandwidth)
  bool operator==(const RooflinePoint&) const = default;
};
struct Roofline {
  std::vector<Ceiling> compute, bandwidth;
  std::vector<RooflinePoint> points;
  bool operator==(const Roofline&) const = default;
};

struct BackendResult {
  std::string name;         // "cpu", "cuda"
  std::string unavailable;  // why it did not run, "" where it did
  std::map<std::string, TaskResult> tasks;
  std::map<std::string, GroupResult> groups;
  std::vector<SpeedResult> speed;
  Roofline roofline;
  uint64_t peak_memory_bytes = 0;
  std::map<std::string, std::string> kernels;  // weight format and regime -> kernel that ran
  std::map<std::string, const TaskResult*> results() const;  // of tasks and of groups, by name
  bool operator==(const BackendResult&) const = default;
};

struct Variant {
  std::string name;  // "dense" or "compressed"
  SizeReport size;
  std::vector<BackendResult> backends;
  bool operator==(const Variant&) const = default;
};

// Compressed against dense on the same documents.
struct PairResult {
  std::string task, metric, backend;  // task: or a group of them
  Estimate difference;             // compressed - dense (accuracy), ln ratio (perplexity)
  std::optional<double> p_value;   // exact McNemar, of an accuracy
  size_t only_dense_right = 0, only_compressed_right = 0, answers_changed = 0;
  bool operator==(const PairResult&) const = default;
};

struct RunResult {
  std::string status = "running";  // "ok", "diverged", "failed: <error>", "interrupted"
  std::string name;                // of the config file, without its ending
  Value context;                   // CPU, ISA, threads, build, commit, hashes of model, data, prompts (map)
  Value config;                    // resolved, with defaults (map)
  std::vector<StepReport> steps;
  std::vector<Variant> variants;
  std::vector<PairResult> pairs;
  bool operator==(const RunResult&) const = default;
};

std::string to_json(const RunResult& result);
// Fails with the place of what does not fit: "record.json: variants[0].size: missing key 'disk_bytes'".
RunResult run_result_from_json(const std::string& json, const std::string& where);

}  // namespace evalharness
