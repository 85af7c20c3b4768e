// Names beside the points of a plot, in columns that cover neither points nor each other.
#pragma once

#include <string>
#include <vector>

#include "reports/svg.h"

namespace evalharness {

struct PointName {
  Pixel at;  // the point
  std::string text;
  bool strong = false;
};

// A name and where it goes: `text_at` is the middle of its near side.
struct PlacedName {
  PointName name;
  Pixel text_at;
  bool on_left = false;  // of its point: the text ends at text_at
};

class NamePlacer {
 public:
  NamePlacer(const Box& frame, double font_size) : frame_(frame), font_size_(font_size) {}
  // What no name may cover.
  void add_obstacle(const Box& box) { obstacles_.push_back(box); }
  // What a name had better not cover.
  void add_line(const LineSegment& line) { lines_.push_back(line); }

  // One column for the points, which are near each other: ordered as they are in height, on the
  // preferred side if the other is no better. Names and leaders are in the way of those that come
  // after.
  std::vector<PlacedName> place(std::vector<PointName> names, bool prefer_left);

 private:
  double cost(const std::vector<PlacedName>& column) const;
  Box box_of(const PlacedName& placed) const;

  Box frame_;
  double font_size_;
  std::vector<Box> obstacles_;
  std::vector<LineSegment> lines_;
};

// Points whose names are of one column: cut where the gap in x exceeds `gap` pixels.
std::vector<std::vector<PointName>> clusters_by_x(std::vector<PointName> names, double gap);

}  // namespace evalharness
