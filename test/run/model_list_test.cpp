#include "harness/run/model_list.h"

#include <catch2/catch.hpp>

#include "harness/base/text.h"
#include "test/support/environment.h"
#include "test/support/temporary_folder.h"

namespace evalharness {
namespace {

// A home whose list has one model, a small file beside it.
class ModelHome {
 public:
  ModelHome() {
    write_file(path("home/seed.gguf"), "weights");
    write_file(path("home/configs/models.yaml"),
               cat("models:\n  seedling-1m:\n    description: made up\n    licence: none\n    "
                   "file: seed.gguf\n"
                   "    sha256: ",
                   sha256_hex("weights"), "\n    sources: [seed.gguf]\n"));
  }
  std::string path(const std::string& name) const { return folder_.path(name); }

 private:
  TemporaryFolder folder_;
  EnvironmentVariable home_{"EVALHARNESS_HOME", folder_.path("home")};
  EnvironmentVariable cache_{"EVALHARNESS_CACHE", folder_.path("cache")};
};

}  // namespace

TEST_CASE("a listed model is fetched into the cache", "[run][models]") {
  const ModelHome home;
  CHECK_THROWS_WITH(resolve_model("seedling-1m", true),
                    "models/seedling-1m/seed.gguf: not in the cache (" + home.path("cache") +
                        "), and --offline forbids to fetch it from seed.gguf");
  CHECK(resolve_model("seedling-1m", false) == home.path("cache/models/seedling-1m/seed.gguf"));
  CHECK(resolve_model("seedling-1m", true) == home.path("cache/models/seedling-1m/seed.gguf"));
}

TEST_CASE("a path that exists is a model as it stands", "[run][models]") {
  const ModelHome home;
  CHECK(resolve_model(home.path("home/seed.gguf"), true) == home.path("home/seed.gguf"));
  CHECK(resolve_model(home.path("home"), true) == home.path("home"));
  CHECK_THROWS_WITH(resolve_model("nowhere/seed.gguf", true),
                    "nowhere/seed.gguf: no such file or folder");
}

TEST_CASE("an unknown model is an error with the nearest name", "[run][models]") {
  CHECK_THROWS_WITH(resolve_model("smolm2-135m", true),
                    "unknown model 'smolm2-135m' (did you mean 'smollm2-135m'?)");
}

TEST_CASE("the default model of the list has a checksum and a source", "[run][models]") {
  const ModelEntry model = list_models().at(0);
  CHECK(model.name == "smollm2-135m");
  CHECK(model.file.sha256.size() == 64);
  CHECK_FALSE(model.file.sources.empty());
}

}  // namespace evalharness
