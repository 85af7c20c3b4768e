#pragma once

namespace evalharness {

double steady_seconds();  // of a clock that only goes on

}  // namespace evalharness
