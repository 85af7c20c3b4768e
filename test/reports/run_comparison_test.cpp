// Figures worked out by hand: 100 documents, 52 of them right in A and 40 in B; 15 flips the one way, 3 the other.
// Difference (3 - 15) / 100 = -12 points, SE sqrt(18 - 12^2 / 100) / 100 = 4.07 points, McNemar
// 2 (1 + 18 + 153 + 816) / 2^18 = 0.0075. A perplexity of 20 that becomes 22: ln ratio 0.0953, t = 0.0953 / 0.04 = 2.383
// with 11 degrees of freedom.
#include <catch2/catch.hpp>
#include <cmath>

#include "harness/metrics/paired.h"
#include "reports/report.h"
#include "test/support/measured.h"

using namespace evalharness;

namespace {

RunComparison example() {
  RunComparison comparison;
  comparison.a = {"runs/a", "wanda_50", "compressed"};
  comparison.b = {"runs/b", "gptq_3bit", "compressed"};
  const Estimate ratio = measured(std::log(1.1), 0.04, 12);
  comparison.metrics = {
      {"piqa", "acc,none", "lm-eval 1.0", measured(0.52, 0.0502, 100), measured(0.40, 0.0492, 100),
       {"piqa", "acc,none", "cpu", measured(-0.12, 0.0406940, 100), 0.00754, 15, 3, 20}, mcnemar_p_value(15, 3), "McNemar"},
      {"wikitext2", "perplexity", "wikitext2-2048", measured(20, 1, 12), measured(22, 1.2, 12),
       {"wikitext2", "perplexity", "cpu", ratio, {}, 0, 0, 0}, paired_p_value(ratio), "paired t"}};
  comparison.only_a = {"ptb"};
  comparison.left_out = {{"vicuna_instructions", "the dense model's answers are the reference, in runs/a"}};
  comparison.settings = {{"compress[0].method", "\"wanda\"", "\"gptq\""}};
  return comparison;
}

}  // namespace

TEST_CASE("two runs on a page: both values, the change, its test, flips", "[reports][compare]") {
  CHECK(run_comparison_markdown(example()) ==
        "# gptq_3bit against wanda_50\n\n"
        "- A: wanda_50 (compressed), runs/a\n"
        "- B: gptq_3bit (compressed), runs/b\n\n"
        "| task                 |              A |              B |    B against A |                p | only A / only B right |   n | protocol       |\n"
        "| :------------------- | -------------: | -------------: | -------------: | ---------------: | --------------------: | --: | :------------- |\n"
        "| piqa acc             | 52.00 ± 5.02 % | 40.00 ± 4.92 % |  -12.00 ± 4.07 |  0.008 (McNemar) |                15 / 3 | 100 | lm-eval 1.0    |\n"
        "| wikitext2 perplexity | 20.000 ± 1.000 | 22.000 ± 1.200 | ×1.100 ± 0.044 | 0.036 (paired t) |                       |  12 | wikitext2-2048 |\n\n"
        "- only in A: ptb\n"
        "- not compared: vicuna_instructions: the dense model's answers are the reference, in runs/a\n\n"
        "| setting            | A       | B      |\n"
        "| :----------------- | :------ | :----- |\n"
        "| compress[0].method | \"wanda\" | \"gptq\" |\n");
}

TEST_CASE("a comparison says what each run lost on the way to its numbers", "[reports][compare]") {
  RunComparison comparison = example();
  comparison.metrics[0].of_a.unextracted["none"] = 7;
  comparison.metrics[0].of_b.unfinished = 2;
  const std::string text = run_comparison_markdown(comparison);
  CHECK(text.find("- piqa acc: A: answers that were empty: 7\n- piqa acc: B: texts that ended at max_gen_toks, not at a stop: 2\n") !=
        std::string::npos);
}

TEST_CASE("two runs as CSV: a row a metric, perplexities by their logarithms", "[reports][compare]") {
  const std::string csv = run_comparison_csv(example());
  CHECK(csv.find("piqa,\"acc,none\",lm-eval 1.0,100,0.52,0.0502,0.4,0.0492,difference,-0.12,0.040694,,,0.0075") != std::string::npos);
  CHECK(csv.find(",McNemar,15,3,20,\r\n") != std::string::npos);
  CHECK(csv.find("ptb,,,,,,,,,,,,,,,,,,only in A\r\nvicuna_instructions,,,,,,,,,,,,,,,,,,\"the dense model's answers") != std::string::npos);
  CHECK(csv.find("wikitext2,perplexity,wikitext2-2048,12,20,1,22,1.2,ln_ratio,0.0953") != std::string::npos);
}

TEST_CASE("two runs as JSON", "[reports][compare]") {
  const std::string json = run_comparison_json(example());
  for (const char* part : {"\"only_a_right\": 15", "\"answers_changed\": 20", "\"test\": \"paired t\"", "\"ln_ratio\": {", "\"task\": \"vicuna_instructions\""})
    CHECK(json.find(part) != std::string::npos);
}
