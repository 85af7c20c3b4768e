// `bench`: what it makes and prints; never how fast something was.
#include "harness/run/bench.h"

#include <catch2/catch.hpp>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "test/support/temporary_folder.h"
#include "test/support/tiny_files.h"

using namespace evalharness;

TEST_CASE("bench times formats by turns: a row a test and format, speedups over the first", "[run][bench]") {
  const TemporaryFolder folder;
  write_tiny_folder(folder.path("model"), {.context = 2048});
  const BenchReport report = bench({.model = folder.path("model"),
                                    .formats = {"dense.bf16", "sparse.bitmask.bf16"},
                                    .prefill = {8},
                                    .decode = {2},
                                    .batch = {2},
                                    .depth = {4},
                                    .head = "int8",
                                    .seconds = 0});
  REQUIRE(report.rows.size() == 4);
  CHECK(report.rows[0].test == "pp8 @ d4");
  CHECK(report.rows[1].test == "pp8 @ d4");
  CHECK(report.rows[3].test == "tg2 @ d4");
  CHECK(report.rows[1].format == "sparse.bitmask.bf16");
  CHECK(*report.rows[0].speed.speedup.value == 1);
  CHECK(*report.rows[1].speed.speedup.value > 0);
  // Half of the weights are left out: two bytes of each two weights, and a bit each for the mask.
  CHECK(report.rows[1].weight_bytes < report.rows[0].weight_bytes);
  const std::vector<std::string> lines = split(bench_text(report, "csv"), "\n");
  CHECK(lines[0] == "model,weight_bytes,weights,backend,threads,format,kernel,batch,test,tokens_per_second,"
                    "standard_error,n,speedup,mfu,mbu,notes\r");
  CHECK(lines.size() == 6);  // the header, four rows, and what follows the last line's end
}

TEST_CASE("what bench does not know is empty or null, and fields with commas are quoted", "[run][bench]") {
  BenchRow row;
  row.format = "chain(dense.bf16, dense.bf16)";
  row.kernel = "k";
  row.test = "tg2";
  row.weight_bytes = 64;
  row.weights = 32;
  row.speed.tokens_per_second = Estimate::missing("none");
  row.speed.percentiles = {{.percent = 50, .nearest_rank_ms = {}, .conservative_ms = {}},
                           {.percent = 90, .nearest_rank_ms = Estimate::missing("n/a (need 64)"), .conservative_ms = {}}};
  row.speed.percentiles[0].nearest_rank_ms.value = 1.5;
  row.speed.notes = {"the warm-up ended before its times settled", "the interval of its time is wider than 10 %"};
  const BenchReport report{.model = "tiny", .threads = 2, .compute = {}, .bandwidth = {}, .rows = {row}};
  CHECK(split(bench_text(report, "csv"), "\r\n")[1] ==
        "tiny,64,32,cpu,2,\"chain(dense.bf16, dense.bf16)\",k,1,tg2,,,0,,,,"
        "the warm-up ended before its times settled; the interval of its time is wider than 10 %");
  const Value value = parse_json(bench_text(report, "json"), "bench");
  const Value& of_row = value.find("rows")->list()[0];
  for (const char* key : {"tokens_per_second", "standard_error", "speedup", "mfu", "mbu"}) {
    INFO(key);
    CHECK(of_row.find(key)->is_null());
  }
  CHECK(of_row.find("latency_ms")->find("p50")->number() == 1.5);
  CHECK(of_row.find("latency_ms")->find("p90")->is_null());
  CHECK(of_row.find("notes")->list().size() == 2);
  const std::string text = bench_text(report, "md");
  CHECK(text.ends_with("\n\n- chain(dense.bf16, dense.bf16), tg2, batch 1: the warm-up ended before its times settled\n"
                       "- chain(dense.bf16, dense.bf16), tg2, batch 1: the interval of its time is wider than 10 %\n"));
}

TEST_CASE("the model around a tree of float32 weights is float32", "[run][bench]") {
  CHECK(model_dtype_of("dense.f32") == Dtype::f32);
  CHECK(model_dtype_of("quantised_input(int8.row.sym.f32)") == Dtype::f32);
  CHECK(model_dtype_of("quantised_input(int8.row.sym.bf16)") == Dtype::bf16);
  CHECK(model_dtype_of("dense.f16") == Dtype::bf16);
}

TEST_CASE("bench refuses what it cannot read", "[run][bench]") {
  CHECK_THROWS_WITH(bench({.model = "synthetic:llama-1b", .sparsity = 1}),
                    "--sparsity: expected 0 <= sparsity < 1, got 1");
  CHECK_THROWS_WITH(bench({.model = "synthetic:llama-1b", .prefill = {0}, .decode = {0}}),
                    "expected a --prefill or --decode of at least 1 token");
  CHECK_THROWS_WITH(bench({.model = "synthetic:llama-1b", .batch = {0}}), "--batch: expected at least 1 sequence, got 0");
  CHECK_THROWS_WITH(bench({.model = "synthetic:llama-1b", .head = "int9"}),
                    "--head: expected one of dense, bf16, f32, int8, got 'int9'");
  CHECK_THROWS_WITH(bench_text({}, "cvs"),
                    "--output: expected one of md, csv, json, got 'cvs'");
}
