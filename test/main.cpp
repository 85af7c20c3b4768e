// Catch's main, compiled once.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "harness/base/progress.h"

int main(int argc, char** argv) {
  evalharness::Progress::set_enabled(false);
  return Catch::Session().run(argc, argv);
}
