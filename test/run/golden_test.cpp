// The whole chain on the real model and the real data (text -> tokens -> windows and requests -> answers ->
// metrics; calibration -> masks -> perplexity) against the figures of the Python originals. Float32. A few windows and
// documents each; all of them where EVALHARNESS_GOLDEN_ALL is set.
#include <catch2/catch.hpp>

#include <cmath>
#include <set>

#include "harness/run/evaluate.h"
#include "methods/method.h"
#include "test/support/golden_chain.h"
#include "test/support/larger.h"

using namespace evalharness;

namespace {

void check_windows(const std::vector<double>& measured, const Value::List& expected) {
  REQUIRE(measured.size() <= expected.size());
  double largest = 0;
  for (size_t w = 0; w < measured.size(); ++w)
    largest = test::larger(largest, std::abs(measured[w] / expected[w].number() - 1));
  CAPTURE(measured.size());
  CHECK(largest < 1e-5);
}

}  // namespace

TEST_CASE("window NLLs of WikiText-2, C4 and PTB equal the original's within 1e-5", "[golden][run]") {
  const auto path = model_and_data();
  if (!path) return;
  RealModel real(*path);
  const Value figures = golden("perplexity.json");
  const size_t windows = all_goldens() ? 12 : 2;
  check_windows(window_nlls(evaluate_real(task_of("c4", windows), real.scorer)),
                figures.find("c4-new-2048")->find("mean_nll_per_window")->list());
  check_windows(window_nlls(evaluate_real(task_of("ptb", windows), real.scorer)),
                figures.find("ptb-new-2048")->find("mean_nll_per_window")->list());
  Value::List wikitext;
  for (const auto& [window, nll] : figures.find("wikitext2-2048")->find("mean_nll_by_window")->map()) wikitext.push_back(nll);
  REQUIRE(wikitext.size() == 148);
  const Evaluation evaluation = evaluate_real(task_of("wikitext2", all_goldens() ? 0 : 2), real.scorer);
  check_windows(window_nlls(evaluation), wikitext);
  CHECK(evaluation.result.available == 148);
  if (all_goldens())
    CHECK(*evaluation.result.metrics.begin()->second.value ==
          Approx(figures.find("wikitext2-2048")->find("ppl_all_148")->number()).epsilon(1e-5));
}

TEST_CASE("bf16 perplexity is within 0.3 % of f32", "[golden][run]") {
  const auto path = model_and_data();
  if (!path) return;
  RealModel real(*path, Dtype::bf16);
  const size_t windows = all_goldens() ? 12 : 2;
  const std::vector<double> nlls = window_nlls(evaluate_real(task_of("wikitext2", windows), real.scorer));
  const Value figures = golden("perplexity.json");
  double difference = 0;
  size_t w = 0;
  for (const auto& [window, nll] : figures.find("wikitext2-2048")->find("mean_nll_by_window")->map()) {
    if (w == nlls.size()) break;
    difference += (nlls[w++] - nll.number()) / static_cast<double>(nlls.size());
  }
  CHECK(std::abs(std::exp(difference) - 1) < 0.003);
}

TEST_CASE("log-likelihoods of lm-eval's requests equal lm-eval's", "[golden][run]") {
  const auto path = model_and_data();
  if (!path) return;
  RealModel real(*path);
  const Value figures = golden("lm_eval.json");
  for (const std::string name : {"lambada_openai", "piqa", "openbookqa", "commonsense_qa"}) {
    CAPTURE(name);
    const Value::List& docs = figures.find("tasks")->find(name)->find("docs")->list();
    const size_t count = all_goldens() ? docs.size() : 24;
    const RunTask task = task_of(name, count);
    const TaskData data = prepare_task(task, kRealData, kAnyContext);
    const Asked asked(task, data);
    const std::vector<Answer> answers = answers_of(real.scorer, asked.requests);
    size_t wrong = 0, greedy_differs = 0;
    for (size_t d = 0; d < count; ++d) {
      const Value::List& expected = docs[d].find("ll")->list();
      REQUIRE(asked.begin[d + 1] - asked.begin[d] == expected.size());
      std::vector<Answer> own;
      for (size_t i = 0; i < expected.size(); ++i) {
        own.push_back(answers[asked.begin[d] + i]);
        const double difference = std::abs(own.back().log_prob - expected[i].number());
        wrong += !(difference <= std::max(1e-3, 1e-5 * std::abs(expected[i].number())));  // NaN is wrong
        greedy_differs += own.back().greedy != docs[d].find("greedy")->list()[i].boolean();
      }
      for (const Item& item : task.task->score(data.documents.asked[d], own))
        for (const std::string metric : {"acc", "acc_norm"})
          if (item.metric == metric + ",none") CHECK(item.value == docs[d].find(metric)->number());
    }
    CHECK(wrong == 0);
    CHECK(greedy_differs == 0);
  }
}

TEST_CASE("log-likelihoods of WikiText's pages equal lm-eval's within 1e-5", "[golden][run]") {
  const auto path = model_and_data();
  if (!path) return;
  RealModel real(*path);
  const Value figures = golden("lm_eval.json");
  const Value& wikitext = *figures.find("tasks")->find("wikitext");
  const Value::List& docs = wikitext.find("docs")->list();
  const size_t count = all_goldens() ? docs.size() : 1;
  const Evaluation evaluation = evaluate_real(task_of("wikitext", count), real.scorer);
  const std::vector<Item>& of_words = evaluation.items.at("word_perplexity,none");
  const std::vector<Item>& of_bytes = evaluation.items.at("byte_perplexity,none");
  REQUIRE(of_words.size() == count);
  for (size_t d = 0; d < count; ++d) {
    CAPTURE(d);
    CHECK(of_words[d].value == Approx(docs[d].find("ll")->number()).epsilon(1e-5));
    CHECK(of_words[d].weight == docs[d].find("words")->number());
    CHECK(of_bytes[d].weight == docs[d].find("bytes")->number());
  }
  if (all_goldens())
    for (const std::string metric : {"word_perplexity,none", "byte_perplexity,none", "bits_per_byte,none"})
      CHECK(*evaluation.result.metrics.at(metric).value ==
            Approx(wikitext.find("metrics")->find(metric)->number()).epsilon(1e-5));
}

TEST_CASE("GSM8K generations equal lm-eval's on at least nine of ten documents", "[golden][run]") {
  const auto path = model_and_data();
  if (!path) return;
  RealModel real(*path);
  const Value figures = golden("lm_eval.json");
  const Value::List& docs = figures.find("tasks")->find("gsm8k")->find("docs")->list();
  const size_t count = all_goldens() ? docs.size() : 2;
  const RunTask task = task_of("gsm8k", count);
  const Asked asked(task, prepare_task(task, kRealData, kAnyContext));
  const std::vector<Answer> answers = answers_of(real.scorer, asked.requests);
  size_t equal = 0;
  for (size_t d = 0; d < count; ++d) equal += answers[d].texts.front() == docs[d].find("text")->string();
  CHECK(equal >= count - (count >= 10 ? 1 : 0));
}

namespace {

// Bits of the mask as the golden has them: most significant first, 1 is pruned.
std::vector<bool> golden_mask(const std::string& hex, size_t columns) {
  std::vector<bool> mask;
  for (size_t j = 0; j < columns; ++j) {
    const char digit = hex[j / 4];
    const int value = digit <= '9' ? digit - '0' : digit - 'a' + 10;
    mask.push_back((value >> (3 - j % 4) & 1) != 0);
  }
  return mask;
}

// Share of the first eight rows' places where the mask differs from the golden's.
double mask_difference(const Matrix& w, const Value& layer) {
  size_t differ = 0;
  const Value::List& rows = layer.find("mask_hex_first8_rows_msb_first_1_is_pruned")->list();
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::vector<bool> mask = golden_mask(rows[i].string(), w.cols());
    for (size_t j = 0; j < w.cols(); ++j) differ += mask[j] != (w(i, j) == 0);
  }
  return static_cast<double>(differ) / static_cast<double>(rows.size() * w.cols());
}

}  // namespace

TEST_CASE("calibration draws and tokens are the original loader's", "[golden][calib]") {
  const auto path = model_and_data();
  if (!path) return;
  const auto tokenizer = open_tokenizer(*path);
  const CalibrationSet set = golden_calibration(*tokenizer);
  const Value wanda = golden("wanda.json");
  const Value& expected = *wanda.find("calib");
  CHECK(set.token_hash() == expected.find("sha256_ids_int32le_all")->string());
  for (size_t i = 0; i < set.draws.size(); ++i) {
    const Value::List& draw = expected.find("draws_doc_start")->list()[i].list();
    CHECK(set.draws[i].document == static_cast<size_t>(draw[0].integer()));
    CHECK(set.draws[i].start == static_cast<size_t>(draw[1].integer()));
  }
}

TEST_CASE("magnitude and Wanda give the originals' masks and perplexities", "[golden][methods]") {
  const auto path = model_and_data();
  if (!path) return;
  const auto tokenizer = open_tokenizer(*path);
  const auto checkpoint = open_checkpoint(*path);
  const auto backend = make_cpu_backend({});
  const Calibration calibration(golden_calibration(*tokenizer), *backend);
  const Value wanda = golden("wanda.json");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"wanda_50", "{method: wanda, sparsity: 0.5}"},
      {"magnitude_50", "{method: magnitude, sparsity: 0.5}"},
      {"wanda_2_4", "{method: wanda, pattern: 2:4}"}};
  for (size_t c = 0; c < (all_goldens() ? cases.size() : 1); ++c) {
    const auto& [name, yaml] = cases[c];
    CAPTURE(name);
    const Value& expected = *wanda.find("results")->find(name);
    Model model = load_model(*checkpoint, Dtype::f32);
    if (name == "wanda_50") {
      Model copy = load_model(*checkpoint, Dtype::f32);
      const Value::List& norms = expected.find("layers")->find("blocks.0.self_attn.q_proj")->find("col_l2norm_first8")->list();
      copy.blocks.resize(1);
      calibration.sweep(copy, {.column_norms = true}, [&](const Layer& layer, const Inputs& inputs) {
        if (layer.linear == Linear::q)  // the golden's norm is over all tokens, ours is scaled by the samples
          for (size_t j = 0; j < norms.size(); ++j)
            CHECK(double(inputs.column_norms()[j]) * 4 == Approx(norms[j].number()).epsilon(1e-5));
        return make_dense(layer.weight().view(), layer.dtype);
      });
    }
    make_method(ConfigNode::parse(yaml, "golden.yaml"))->compress(model, calibration);
    CHECK(mask_difference(model.blocks[0].slot(Linear::q).op->to_dense(),
                          *expected.find("layers")->find("blocks.0.self_attn.q_proj")) == 0);
    CHECK(mask_difference(model.blocks[15].slot(Linear::down).op->to_dense(),
                          *expected.find("layers")->find("blocks.15.mlp.down_proj")) <= 0.01);
    const WeightTotals totals = linear_totals(model);
    CHECK(double(totals.zeros) == Approx(expected.find("zeros")->number()).epsilon(1e-4));
    CHECK(std::abs(perplexity_difference(model, *backend, *tokenizer, expected.find("mean_nll_per_window")->list(),
                                         all_goldens() ? 12 : 2)) < 0.01);
  }
}
