// What a roofline shows of a record: the measured points, the ceilings worth a line, and the axes.
#pragma once

#include <string>
#include <vector>

#include "harness/result/run_result.h"
#include "reports/svg.h"

namespace evalharness {

// A point that was measured, in the plot's coordinates.
struct RooflineMark {
  const RooflinePoint* point;
  std::string variant;
  double intensity;  // FLOP/byte
  double flops_per_second;
  bool is_model() const { return point->name == "model"; }
};

// Bandwidths within a tenth of each other are one line.
struct Slant {
  double bytes_per_second = 0;
  double smallest = 0, largest = 0;  // working sets, bytes
  bool roof = false;
};

struct RooflineView {
  std::vector<RooflineMark> marks;
  std::vector<Ceiling> levels;  // fastest first
  std::vector<Slant> slants;    // fastest first
  double peak = 0;              // FLOP/s of the compute roof
};

// Backends with ceilings and at least one measured point, in the record's order.
std::vector<std::string> roofline_backends(const RunResult& result);
// Left out: rates of one thread beside those of all, medians beside the best, and levels that are
// within 3 % of another of the same operands. The record has them all. Valid as long as the record.
RooflineView roofline_view(const RunResult& result, const std::string& backend);

// "read 3.56 to 19.0 MiB: 99.2 GB/s".
std::string slant_label(const Slant& slant);

// Logarithmic axes in a frame of the page.
struct LogAxes {
  double x_low, x_high, y_low, y_high;
  double left, top, right, bottom;

  double x(double value) const;
  double y(double value) const;
  Pixel at(double x_value, double y_value) const { return {x(x_value), y(y_value)}; }
  // The part of a bandwidth's line below `level` FLOP/s, and of a level right of a bandwidth's
  // line.
  LineSegment slant(double bytes_per_second, double level) const;
  LineSegment level(double flops_per_second, double steepest) const;
};
LogAxes axes_for(const RooflineView& view, const Box& frame);

}  // namespace evalharness
