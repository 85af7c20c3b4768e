#include "reports/name_columns.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace evalharness {
namespace {

// What a fault costs, in pixels of distance that one would go to avoid it.
constexpr double kCoversObstacle = 4000, kCoversLine = 250, kOtherSide = 30, kLeaderCrosses = 50;

// Moves heights apart, up and down evenly, until each is a line from the next.
void spread(std::vector<double>& heights, double line) {
  // Each pass halves what overlap is left; a column of ten is apart long before the last.
  for (int pass = 0; pass < 200; ++pass)
    for (size_t i = 1; i < heights.size(); ++i) {
      const double overlap = line - (heights[i] - heights[i - 1]);
      if (overlap <= 0) continue;
      heights[i - 1] -= overlap / 2;
      heights[i] += overlap / 2;
    }
}

}  // namespace

Box NamePlacer::box_of(const PlacedName& placed) const {
  const double width = text_width(placed.name.text, font_size_) * (placed.name.strong ? 1.2 : 1);
  const double left = placed.on_left ? placed.text_at.x - width : placed.text_at.x;
  return {left, placed.text_at.y - 0.6 * font_size_, left + width,
          placed.text_at.y + 0.6 * font_size_};
}

double NamePlacer::cost(const std::vector<PlacedName>& column) const {
  double sum = 0;
  for (const PlacedName& placed : column) {
    const Box box = box_of(placed);
    if (box.left < frame_.left + 3 || box.right > frame_.right - 3 || box.top < frame_.top + 3 ||
        box.bottom > frame_.bottom - 3)
      sum += kCoversObstacle;
    for (const Box& obstacle : obstacles_)
      if (overlaps(box, obstacle)) sum += kCoversObstacle;
    const Box around{box.left - 3, box.top - 3, box.right + 3, box.bottom + 3};
    for (const LineSegment& line : lines_)
      if (crosses(line, around)) sum += kCoversLine;
    for (const Box& obstacle : obstacles_)
      if (crosses({placed.text_at, placed.name.at}, obstacle)) sum += kLeaderCrosses;
    sum += std::hypot(placed.text_at.x - placed.name.at.x, placed.text_at.y - placed.name.at.y);
  }
  return sum;
}

std::vector<PlacedName> NamePlacer::place(std::vector<PointName> names, bool prefer_left) {
  std::stable_sort(names.begin(), names.end(),
                   [](const PointName& a, const PointName& b) { return a.at.y < b.at.y; });
  std::vector<double> heights;
  double left = names[0].at.x, right = left;
  for (const PointName& name : names) {
    heights.push_back(name.at.y);
    left = std::min(left, name.at.x);
    right = std::max(right, name.at.x);
  }
  spread(heights, 1.3 * font_size_);

  std::vector<PlacedName> best;
  double least = std::numeric_limits<double>::infinity();
  for (const bool on_left : {true, false})
    for (double away = 16; away <= 208; away += 12)
      for (double down = -240; down <= 240; down += 6) {
        std::vector<PlacedName> column;
        const double x = on_left ? left - away : right + away;
        for (size_t i = 0; i < names.size(); ++i)
          column.push_back({names[i], {x, heights[i] + down}, on_left});
        const double price = cost(column) + (on_left == prefer_left ? 0 : kOtherSide);
        if (price >= least) continue;
        least = price;
        best = std::move(column);
      }
  for (const PlacedName& placed : best) {
    const Box box = box_of(placed);
    obstacles_.push_back({box.left - 4, box.top, box.right + 4, box.bottom});
    lines_.push_back({placed.name.at, placed.text_at});
  }
  return best;
}

std::vector<std::vector<PointName>> clusters_by_x(std::vector<PointName> names, double gap) {
  std::stable_sort(names.begin(), names.end(),
                   [](const PointName& a, const PointName& b) { return a.at.x < b.at.x; });
  std::vector<std::vector<PointName>> clusters;
  for (PointName& name : names) {
    if (clusters.empty() || name.at.x - clusters.back().back().at.x > gap) clusters.emplace_back();
    clusters.back().push_back(std::move(name));
  }
  return clusters;
}

}  // namespace evalharness
