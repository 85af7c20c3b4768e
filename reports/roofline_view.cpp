#include "reports/roofline_view.h"

#include <algorithm>
#include <cmath>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "reports/format.h"

namespace evalharness {
namespace {

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

bool near(double a, double b, double share) { return std::abs(std::log(a / b)) < share; }

std::vector<RooflineMark> marks_of(const RunResult& result, const std::string& backend_name) {
  std::vector<RooflineMark> marks;
  for (const Variant& variant : result.variants)
    for (const BackendResult& backend : variant.backends) {
      if (backend.name != backend_name) continue;
      for (const RooflinePoint& point : backend.roofline.points)
        if (point.seconds.value && *point.seconds.value > 0 && point.bytes > 0 && point.flops > 0)
          marks.push_back({&point, variant.name, point.flops / point.bytes,
                           point.flops / *point.seconds.value});
    }
  return marks;
}

// All variants run under the same ceilings; the first that has them serves.
const Roofline* ceilings_of(const RunResult& result, const std::string& backend_name) {
  const auto has_roof = [](const std::vector<Ceiling>& ceilings) {
    return std::any_of(ceilings.begin(), ceilings.end(), [](const Ceiling& ceiling) {
      return ceiling.role == "roof" && ceiling.per_second > 0;
    });
  };
  for (const Variant& variant : result.variants)
    for (const BackendResult& backend : variant.backends)
      if (backend.name == backend_name && has_roof(backend.roofline.compute) &&
          has_roof(backend.roofline.bandwidth))
        return &backend.roofline;
  return nullptr;
}

// Roofs before lines, then the fastest first.
std::vector<Ceiling> ordered(std::vector<Ceiling> ceilings) {
  std::erase_if(ceilings, [](const Ceiling& ceiling) { return ceiling.per_second <= 0; });
  std::stable_sort(ceilings.begin(), ceilings.end(), [](const Ceiling& a, const Ceiling& b) {
    const bool a_roof = a.role == "roof", b_roof = b.role == "roof";
    return a_roof != b_roof ? a_roof : a.per_second > b.per_second;
  });
  return ceilings;
}

std::vector<Ceiling> levels_of(const std::vector<Ceiling>& compute) {
  const bool many = std::any_of(compute.begin(), compute.end(), [](const Ceiling& ceiling) {
    return contains(ceiling.name, " threads");
  });
  std::vector<Ceiling> levels;
  for (const Ceiling& ceiling : ordered(compute)) {
    if (many && contains(ceiling.name, " 1 thread")) continue;
    const std::string operands = ceiling.name.substr(0, ceiling.name.find(' '));
    const bool known = std::any_of(levels.begin(), levels.end(), [&](const Ceiling& other) {
      return other.name.starts_with(operands) && near(ceiling.per_second, other.per_second, 0.03);
    });
    if (!known) levels.push_back(ceiling);
  }
  std::stable_sort(levels.begin(), levels.end(),
                   [](const Ceiling& a, const Ceiling& b) { return a.per_second > b.per_second; });
  return levels;
}

std::vector<Slant> slants_of(const std::vector<Ceiling>& bandwidth) {
  std::vector<Slant> slants;
  for (const Ceiling& ceiling : ordered(bandwidth)) {
    const double set = ceiling.working_set;
    const auto same_set = [&](const Ceiling& other) {
      return other.role == "roof" && std::abs(other.working_set - set) <= 0.02 * set;
    };
    if (ceiling.role != "roof" && std::any_of(bandwidth.begin(), bandwidth.end(), same_set))
      continue;
    const auto same_rate = std::find_if(slants.begin(), slants.end(), [&](const Slant& slant) {
      return near(slant.bytes_per_second, ceiling.per_second, 0.1);
    });
    if (same_rate == slants.end()) {
      slants.push_back({ceiling.per_second, set, set, ceiling.role == "roof"});
    } else {
      same_rate->smallest = std::min(same_rate->smallest, set);
      same_rate->largest = std::max(same_rate->largest, set);
    }
  }
  std::stable_sort(slants.begin(), slants.end(), [](const Slant& a, const Slant& b) {
    return a.bytes_per_second > b.bytes_per_second;
  });
  return slants;
}

}  // namespace

std::vector<std::string> roofline_backends(const RunResult& result) {
  std::vector<std::string> names;
  for (const Variant& variant : result.variants)
    for (const BackendResult& backend : variant.backends)
      if (std::find(names.begin(), names.end(), backend.name) == names.end() &&
          ceilings_of(result, backend.name) != nullptr && !marks_of(result, backend.name).empty())
        names.push_back(backend.name);
  return names;
}

RooflineView roofline_view(const RunResult& result, const std::string& backend) {
  const Roofline* ceilings = ceilings_of(result, backend);
  EH_ASSERT(ceilings != nullptr);
  RooflineView view;
  view.marks = marks_of(result, backend);
  view.levels = levels_of(ceilings->compute);
  view.slants = slants_of(ceilings->bandwidth);
  for (const Ceiling& level : view.levels)
    if (level.role == "roof") view.peak = std::max(view.peak, level.per_second);
  return view;
}

std::string slant_label(const Slant& slant) {
  const std::string small = bytes_text(static_cast<uint64_t>(slant.smallest));
  const std::string large = bytes_text(static_cast<uint64_t>(slant.largest));
  std::string sets = small == large ? small : cat(small, " to ", large);
  // "3.56 MiB to 19.0 MiB" needs its unit once.
  const std::string unit = small.substr(small.find(' ') + 1);
  if (small != large && large.ends_with(unit))
    sets = cat(small.substr(0, small.find(' ')), " to ", large);
  return cat("read ", slant.largest > 0 ? sets + ": " : "", si_text(slant.bytes_per_second), "B/s");
}

double LogAxes::x(double value) const {
  return left + (right - left) * std::log(value / x_low) / std::log(x_high / x_low);
}

double LogAxes::y(double value) const {
  return bottom - (bottom - top) * std::log(value / y_low) / std::log(y_high / y_low);
}

LineSegment LogAxes::slant(double bytes_per_second, double level) const {
  const double first = std::max(x_low, y_low / bytes_per_second);
  const double last = std::min(x_high, level / bytes_per_second);
  return {at(first, first * bytes_per_second), at(last, last * bytes_per_second)};
}

LineSegment LogAxes::level(double flops_per_second, double steepest) const {
  const double first = std::clamp(flops_per_second / steepest, x_low, x_high);
  return {at(first, flops_per_second), at(x_high, flops_per_second)};
}

LogAxes axes_for(const RooflineView& view, const Box& frame) {
  const auto by_x = [](const RooflineMark& a, const RooflineMark& b) {
    return a.intensity < b.intensity;
  };
  const auto by_y = [](const RooflineMark& a, const RooflineMark& b) {
    return a.flops_per_second < b.flops_per_second;
  };
  const auto [left, right] = std::minmax_element(view.marks.begin(), view.marks.end(), by_x);
  const auto [low, high] = std::minmax_element(view.marks.begin(), view.marks.end(), by_y);
  const double ridge = view.peak / view.slants.back().bytes_per_second;
  const double top = std::max(view.levels.front().per_second, high->flops_per_second);
  // Room for names: left of the leftmost points, right of the rightmost, above the highest.
  return {.x_low = std::min(left->intensity, view.peak / view.slants.front().bytes_per_second) / 14,
          .x_high = std::max(right->intensity * 7, ridge * 6),
          .y_low = low->flops_per_second / 5,
          .y_high = top * 2.5,
          .left = frame.left,
          .top = frame.top,
          .right = frame.right,
          .bottom = frame.bottom};
}

}  // namespace evalharness
