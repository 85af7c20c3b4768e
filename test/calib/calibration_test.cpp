#include <catch2/catch.hpp>

#include <cmath>

#include "harness/calib/calibration.h"
#include "harness/model/transformer.h"
#include "harness/ops/chain.h"
#include "harness/ops/scaled_input.h"
#include "test/support/byte_tokenizer.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

CalibrationSet two_samples() {
  CalibrationSet set;
  set.samples = {{1, 2, 3, 4, 5}, {9, 8, 7, 6, 5}};
  set.draws = {{0, 0}, {1, 0}};
  return set;
}

LinearPtr same(const Layer& layer) { return make_dense(layer.weight().view(), layer.dtype); }

}  // namespace

TEST_CASE("the sampler draws as CPython's random does", "[calib]") {
  // Documents 0 and 2 are too short for 4 tokens. A document, its start; document 0, again; a document, its start:
  // python3 -c "import random; random.seed(0); r=random.randint; print(r(0,2), r(0,5), r(0,2), r(0,2), r(0,5))"
  // prints 1 3 0 1 4.
  std::vector<Document> documents = {Document(Value::Map{{"text", "abc"}}, "x:1"),
                                     Document(Value::Map{{"text", "abcdefghij"}}, "x:2"),
                                     Document(Value::Map{{"text", "abcd"}}, "x:3")};
  const CalibrationSet set = draw_from_documents(documents, ByteTokenizer(), 2, 4, 0);
  REQUIRE(set.samples.size() == 2);
  CHECK(set.draws[0].document == 1);
  CHECK(set.samples[0] == std::vector<int32_t>{'d', 'e', 'f', 'g'});
  CHECK(set.draws[1].document == 1);
  CHECK(set.samples[1] == std::vector<int32_t>{'e', 'f', 'g', 'h'});
  CHECK_THROWS_WITH(draw_from_documents(documents, ByteTokenizer(), 2, 10, 0),
                    "calibration: no document has more than 10 tokens; the longest of 3 has 10");
}

TEST_CASE("of one text samples start where CPython's random says", "[calib]") {
  // python3 -c "import random; random.seed(0); print([random.randint(0, 20 - 4 - 1) for _ in range(2)])" prints [12, 13].
  const std::vector<Document> rows = {Document(Value::Map{{"text", "abcdefgh"}, {"sentence", "abcdefghi"}}, "x:1"),
                                      Document(Value::Map{{"text", "klmnopqrst"}, {"sentence", "jklmnopqrs"}}, "x:2")};
  const CalibrationSet wikitext = draw_calibration("wikitext2", rows, ByteTokenizer(), 2, 4, 0);  // abcdefgh, two line breaks, klmnopqrst
  CHECK(wikitext.samples == std::vector<std::vector<int32_t>>{{'m', 'n', 'o', 'p'}, {'n', 'o', 'p', 'q'}});
  const CalibrationSet ptb = draw_calibration("ptb", rows, ByteTokenizer(), 2, 4, 0);  // abcdefghi jklmnopqrs
  CHECK(ptb.samples == std::vector<std::vector<int32_t>>{{'l', 'm', 'n', 'o'}, {'m', 'n', 'o', 'p'}});
  CHECK_THROWS_WITH(draw_from_text("abc", ByteTokenizer(), 1, 3, 0),
                    "calibration: the text has 3 tokens, of which no sample of 3 can be drawn");
}

TEST_CASE("column norms are the root of the sum of squares over the tokens, a sample", "[calib]") {
  const auto backend = make_cpu_backend({});
  Model model = tiny_model(3);
  // The input of q in block 0 is the normed embedding: worked out here.
  std::vector<double> squares(16);
  for (const auto& sample : two_samples().samples) {
    Matrix x(sample.size(), 16);
    embed(model, sample, x.view());
    for (size_t t = 0; t < x.rows(); ++t) {
      double mean = 0;
      for (const float value : x.row(t)) mean += double(value) * double(value) / 16;
      for (size_t j = 0; j < 16; ++j) squares[j] += double(x(t, j)) * double(x(t, j)) / (mean + 1e-5);
    }
  }
  Calibration calibration(two_samples(), *backend);
  size_t calls = 0;
  calibration.sweep(model, {.column_norms = true}, [&](const Layer& layer, const Inputs& inputs) {
    ++calls;
    if (layer.block == 0 && layer.linear == Linear::q)
      for (size_t j = 0; j < 16; ++j) CHECK(inputs.column_norms()[j] == Approx(std::sqrt(squares[j] / 2)).epsilon(1e-5));
    return same(layer);
  });
  CHECK(calls == 14);
}

TEST_CASE("a sweep that changes nothing reports no error, and the next block sees the block before it", "[calib]") {
  const auto backend = make_cpu_backend({});
  Calibration calibration(two_samples(), *backend);
  const auto norms_of_block_1 = [&](bool erase_block_0) {
    Model model = tiny_model(3);
    std::vector<float> norms;
    calibration.sweep(model, {.column_norms = true}, [&](const Layer& layer, const Inputs& inputs) {
      if (layer.block == 1 && layer.linear == Linear::q) norms = inputs.column_norms();
      if (layer.block == 0 && erase_block_0)
        return make_dense(Matrix(layer.slot.op->out(), layer.slot.op->in()).view(), layer.dtype);
      return same(layer);
    });
    return norms;
  };
  // With block 0 erased, block 1 sees what block 0 saw: the embedding.
  Model model = tiny_model(3);
  std::vector<float> norms_of_block_0;
  const auto reports = calibration.sweep(model, {.column_norms = true}, [&](const Layer& layer, const Inputs& inputs) {
    if (layer.block == 0 && layer.linear == Linear::q) norms_of_block_0 = inputs.column_norms();
    return same(layer);
  });
  for (const LayerReport& report : reports) {
    CHECK(*report.output_error == 0);
    CHECK(report.bits_per_weight >= 32);
  }
  CHECK(norms_of_block_1(true) == norms_of_block_0);
  CHECK(norms_of_block_1(false) != norms_of_block_0);
}

TEST_CASE("a sweep leaves a layer alone where there is nothing to replace it", "[calib]") {
  const auto backend = make_cpu_backend({});
  CalibrationSet set;
  set.samples = {{1, 2, 3, 4}};
  Model model = tiny_model(3);
  const LinearOp* before = model.blocks[0].slot(Linear::q).op.get();
  const std::vector<LayerReport> reports = Calibration(set, *backend).sweep(
      model, {.column_norms = true}, [](const Layer&, const Inputs&) { return LinearPtr(); });
  CHECK(model.blocks[0].slot(Linear::q).op.get() == before);
  REQUIRE(reports.size() == 14);
  CHECK(reports[0].format == "dense.f32");
  CHECK(!reports[0].output_error);
}

TEST_CASE("Gram matrix, means and variances are sums over every token of the set", "[calib]") {
  const auto backend = make_cpu_backend({});
  Model model = tiny_model(3);
  // The input of q in block 0 is the normed embedding.
  DoubleMatrix gram(16, 16);
  std::vector<double> sums(16);
  for (const auto& sample : two_samples().samples) {
    Matrix x(sample.size(), 16), normed(sample.size(), 16);
    embed(model, sample, x.view());
    backend->rms_norm(x.view(), model.blocks[0].attention_norm, static_cast<float>(model.config.norm_epsilon), normed.view());
    for (size_t t = 0; t < x.rows(); ++t)
      for (size_t i = 0; i < 16; ++i) {
        sums[i] += double(normed(t, i));
        for (size_t j = 0; j < 16; ++j) gram(i, j) += double(normed(t, i)) * double(normed(t, j));
      }
  }
  const Calibration calibration(two_samples(), *backend);
  calibration.sweep(model, {.column_means = true, .gram = true}, [&](const Layer& layer, const Inputs& inputs) {
    CHECK(inputs.gram().rows() == layer.slot.op->in());
    if (layer.block == 0 && layer.linear == Linear::k)
      for (size_t i = 0; i < 16; ++i) {
        const double mean = sums[i] / 10;
        CHECK(inputs.column_means()[i] == Approx(mean).margin(1e-6));
        CHECK(inputs.column_variances()[i] == Approx(gram(i, i) / 10 - mean * mean).margin(1e-5));
        for (size_t j = 0; j < 16; ++j) CHECK(inputs.gram()(i, j) == Approx(gram(i, j)).margin(1e-5));
      }
    return same(layer);
  });
}

TEST_CASE("the output error by the Gram matrix is that of the outputs", "[calib]") {
  const auto backend = make_cpu_backend({});
  const Calibration calibration(two_samples(), *backend);
  const auto errors = [&](Needs needs) {
    Model model = tiny_model(3);
    std::vector<double> found;
    for (const LayerReport& report : calibration.sweep(model, needs, [](const Layer& layer, const Inputs&) {
           Matrix w = layer.weight();
           for (size_t i = 0; i < w.rows(); ++i) w(i, i % w.cols()) = 0;
           return make_dense(w.view(), layer.dtype);
         }))
      found.push_back(*report.output_error);
    return found;
  };
  const std::vector<double> by_gram = errors({.gram = true}), by_outputs = errors({.column_norms = true});
  for (size_t i = 0; i < by_gram.size(); ++i) {
    CHECK(by_gram[i] > 0);
    CHECK(by_gram[i] == Approx(by_outputs[i]).epsilon(1e-4));
  }
}

TEST_CASE("with true_sequential a layer sees what the compressed layers before it in the block give", "[calib]") {
  const auto backend = make_cpu_backend({});
  const Calibration calibration(two_samples(), *backend);
  const auto norm_of_down = [&](bool true_sequential) {
    Model model = tiny_model(3);
    float norm = 0;
    calibration.sweep(model, {.column_norms = true, .true_sequential = true_sequential}, [&](const Layer& layer, const Inputs& inputs) {
      if (layer.block == 0 && layer.linear == Linear::down) norm = inputs.column_norms()[0];
      if (layer.linear == Linear::up) return make_dense(Matrix(layer.slot.op->out(), layer.slot.op->in()).view(), layer.dtype);
      return same(layer);
    });
    return norm;
  };
  CHECK(norm_of_down(true) == 0);
  CHECK(norm_of_down(false) > 0);
}

TEST_CASE("an input that is not finite names the layer, the sample and the token", "[calib]") {
  const auto backend = make_cpu_backend({});
  Model model = tiny_model(3);
  model.blocks[1].attention_norm[2] = std::nanf("");
  Calibration calibration(two_samples(), *backend);
  CHECK_THROWS_WITH(calibration.sweep(model, {.column_norms = true}, [](const Layer& l, const Inputs&) { return same(l); }),
                    "calibration: the inputs of model.layers.1.q_proj are not finite, first in sample 0 at token 0");
  model = tiny_model(3);
  Matrix embedding = model.embedding->to_dense();
  embedding(7, 2) = std::nanf("");  // the third token of the second sample
  model.embedding = make_dense(embedding.view(), Dtype::f32);
  CHECK_THROWS_WITH(calibration.sweep(model, {.column_maxima = true}, [](const Layer& l, const Inputs&) { return same(l); }),
                    "calibration: the inputs of model.layers.0.q_proj are not finite, first in sample 1 at token 2");
}

TEST_CASE("a method that needs text says so where there is none", "[calib]") {
  const auto backend = make_cpu_backend({});
  Model model = tiny_model(3);
  const auto sweep = [&](Needs needs) {
    return Calibration({}, *backend).sweep(model, needs, [](const Layer& l, const Inputs&) { return same(l); });
  };
  for (const Needs& needs : {Needs{.gram = true}, Needs{.only_some = true}})
    CHECK_THROWS_WITH(sweep(needs), "calibration: this method needs calibration text and there is none");
  CHECK(sweep({}).size() == 14);
}

TEST_CASE("passes count how often the blocks ran over the whole set", "[calib]") {
  const auto backend = make_cpu_backend({});
  const auto passes = [&](Needs needs) {
    Model model = tiny_model(3);  // of two blocks
    const Calibration calibration(two_samples(), *backend);
    calibration.sweep(model, needs, [](const Layer& l, const Inputs&) { return same(l); });
    return calibration.passes();
  };
  CHECK(passes({}) == 0);
  CHECK(passes({.column_norms = true, .uncompressed_inputs = true}) == 1);
  // Of 2304 weights q, k and v have 512, o 256, gate and up 1024, down 512. Nobody reads what down gives while the
  // others are looked at, nor what comes behind the last block.
  CHECK(passes({.column_norms = true}) == Approx(1792 / 2304. + 1 / 2.));
  CHECK(passes({.column_norms = true, .true_sequential = true}) == Approx((512 + 768 + 1024 + 1536 / 2.) / 2304));
  CHECK(passes({.some_tokens = 5, .only_some = true, .uncompressed_inputs = true}) == 0.5);  // one sample
  CHECK(passes({.some_tokens = 6, .only_some = true, .uncompressed_inputs = true}) == 1);
}

TEST_CASE("only layers that share an input are told so", "[calib]") {
  const auto backend = make_cpu_backend({});
  Model model = tiny_model(3);
  std::vector<Linear> told;
  Calibration(two_samples(), *backend).sweep(model, {.column_norms = true}, [&](const Layer& layer, const Inputs&) {
    if (layer.block == 1 && layer.same_inputs) told.push_back(layer.linear);
    return same(layer);
  });
  CHECK(told == std::vector<Linear>{Linear::k, Linear::v, Linear::up});
}

TEST_CASE("a sweep visits the leaves of a tree with the input of each, and keeps the combinators around them", "[calib]") {
  const auto backend = make_cpu_backend({});
  const Calibration calibration(two_samples(), *backend);
  // Twice the input into V, what V gives into U; the other layers of the group keep the input of the slot.
  const Matrix v = random_matrix(3, 16, 1), u = random_matrix(16, 3, 2);
  Model model = tiny_model(3);
  LinearPtr chain = make_chain(make_dense(v.view(), Dtype::f32), make_dense(u.view(), Dtype::f32));
  model.blocks[0].slot(Linear::q).op = make_scaled_input(std::vector<float>(16, 2), std::move(chain));
  std::vector<Matrix> seen;
  const auto reports = calibration.sweep(model, {.column_norms = true, .gram = true}, [&](const Layer& layer, const Inputs& inputs) {
    if (layer.block == 0 && layer.linear <= Linear::k) {
      seen.push_back(inputs.some());
      CHECK(inputs.gram().rows() == layer.op.in());
      CHECK(inputs.tokens() == 10);
    }
    Matrix w = layer.weight();
    for (float& value : w.values()) value *= layer.block == 0 && layer.linear == Linear::q ? 3 : 1;
    return make_dense(w.view(), layer.dtype);
  });
  REQUIRE(seen.size() == 3);  // V, U, k
  const Matrix &of_v = seen[0], &of_u = seen[1], &x = seen[2];
  for (size_t t = 0; t < 10; ++t) {
    for (size_t i = 0; i < 16; ++i) CHECK(of_v(t, i) == 2 * x(t, i));
    for (size_t k = 0; k < 3; ++k) {
      double sum = 0;
      for (size_t i = 0; i < 16; ++i) sum += double(v(k, i)) * double(of_v(t, i));
      CHECK(of_u(t, k) == Approx(sum).margin(1e-5));
    }
  }
  REQUIRE(reports.size() == 14);
  CHECK(reports[0].format == "scaled_input(chain(dense.f32, dense.f32))");
  CHECK(*reports[0].output_error == Approx(64));  // nine times the outputs
  CHECK(*reports[1].output_error == 0);
  const Matrix w = model.blocks[0].slot(Linear::q).op->to_dense();
  for (size_t o = 0; o < 16; ++o) {
    double sum = 0;
    for (size_t k = 0; k < 3; ++k) sum += double(u(o, k)) * double(v(k, 5));
    CHECK(w(o, 5) == Approx(18 * sum).margin(1e-5));
  }
}
