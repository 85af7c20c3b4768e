// Quality over bytes: every cell of a suite as a point, and the line of those that no other
// dominates.
//
// x is the size of all weights on disk, y the first metric (a perplexity on a logarithmic axis).
// The bars are the standard error of the paired difference to dense: the documents are the same, so
// what they share says nothing about a difference.
#include <algorithm>
#include <cmath>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "reports/name_columns.h"
#include "reports/report.h"
#include "reports/svg.h"
#include "reports/sweep_view.h"

namespace evalharness {
namespace {

constexpr PlotFrame kFrame{.width = 1040, .height = 680, .left = 92, .right = 36, .top = 112, .bottom = 76};
constexpr Box kPlot = kFrame.plot();
constexpr double kNameSize = 11.5, kMark = 5.5;
constexpr double kMebi = 1024.0 * 1024.0;

constexpr const char* kPareto =
    R"(.front { stroke: #ea580c; stroke-width: 1.6; opacity: 0.6; }
.best { fill: #ea580c; stroke: #ea580c; stroke-width: 1.5; }
.dominated { fill: #ffffff; stroke: #6b7280; stroke-width: 1.5; }
.reference { fill: #2563eb; stroke: #2563eb; stroke-width: 1.5; }
.level { stroke: #93c5fd; stroke-dasharray: 5 4; }
.bar { stroke: #9ca3af; stroke-width: 1.2; }
.name { font-size: 11.5px; stroke: #ffffff; stroke-width: 3px; paint-order: stroke; stroke-linejoin: round; }
.name.best { fill: #9a3412; font-weight: 600; }
.name.dominated { fill: #4b5563; }
.name.reference { fill: #1e40af; font-weight: 600; }
)";

struct ParetoPoint {
  std::string name, css_class;  // "best", "dominated", "reference" (the dense model)
  double mebibytes = 0, quality = 0;
  double low = 0, high = 0;  // ends of its bar
};

// A linear or logarithmic scale over [low, high], with its ticks.
class Scale {
 public:
  Scale(double low, double high, bool logarithmic)
      : low_(low), high_(high), logarithmic_(logarithmic) {}

  // 0 at the low end, 1 at the high one.
  double share(double value) const {
    return (along(value) - along(low_)) / (along(high_) - along(low_));
  }
  bool holds(double value) const { return value >= low_ && value <= high_; }
  std::vector<double> ticks() const {
    std::vector<double> all;
    if (logarithmic_) {
      for (double power = std::pow(10, std::floor(std::log10(low_))); power <= high_; power *= 10)
        for (const double step : steps()) all.push_back(power * step);
    } else {
      const double step = linear_step();
      for (double value = std::ceil(low_ / step) * step; value <= high_; value += step)
        all.push_back(value);
    }
    std::erase_if(all, [this](double value) { return !holds(value); });
    return all;
  }

 private:
  double along(double value) const { return logarithmic_ ? std::log(value) : value; }
  // Fewer numbers in a decade where there are many decades.
  std::vector<double> steps() const {
    const double decades = std::log10(high_ / low_);
    if (decades > 3) return {1};
    if (decades > 1) return {1, 2, 5};
    return {1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9};
  }
  double linear_step() const {
    const double about = (high_ - low_) / 8, power = std::pow(10, std::floor(std::log10(about)));
    for (const double step : {1.0, 2.0, 5.0})
      if (step * power >= about) return step * power;
    return 10 * power;
  }

  double low_, high_;
  bool logarithmic_;
};

ParetoPoint point_of(const SweepRow& row, const SweepMetric& metric) {
  const MetricStyle style = metric.style();
  const double factor = style.kind == MetricStyle::Kind::kShare ? 100 : 1;
  ParetoPoint point;
  point.name = row.name;
  point.css_class = row.name == "dense" ? "reference" : row.dominated ? "dominated" : "best";
  point.mebibytes = static_cast<double>(row.size.disk_bytes) / kMebi;
  point.quality = factor * *row.quality[0].value;
  const double error = row.differences[0].difference.standard_error.value_or(0);
  const bool ratio = style.kind == MetricStyle::Kind::kPerplexity;  // its difference is a logarithm
  point.low = ratio ? point.quality * std::exp(-error) : point.quality - factor * error;
  point.high = ratio ? point.quality * std::exp(error) : point.quality + factor * error;
  return point;
}

class ParetoPlot {
 public:
  ParetoPlot(const SweepMetric& metric, std::vector<ParetoPoint> points)
      : metric_(metric),
        points_(std::move(points)),
        x_(x_scale()),
        y_(y_scale()),
        svg_(kFrame.width, kFrame.height, plot_style() + kPareto),
        names_(kPlot, kNameSize) {}

  std::string draw(const std::string& title, const std::string& subtitle) && {
    svg_.rectangle({0, 0}, kFrame.width, kFrame.height, "page");
    svg_.text({kPlot.left, 40}, title, "title");
    svg_.text({kPlot.left, 62}, subtitle, "subtitle");
    draw_axes();
    draw_front();
    for (const bool dominated : {true, false})  // those that count on top
      for (const ParetoPoint& point : points_)
        if ((point.css_class == "dominated") == dominated) draw_mark(point);
    draw_names();
    draw_legend();
    return std::move(svg_).finish();
  }

 private:
  bool is_ratio() const { return metric_.style().kind == MetricStyle::Kind::kPerplexity; }

  Scale x_scale() const {
    const auto [low, high] = std::ranges::minmax(points_, {}, &ParetoPoint::mebibytes);
    const double room = std::max(0.08 * (high.mebibytes - low.mebibytes), 0.02 * high.mebibytes);
    return {std::max(0.0, low.mebibytes - room), high.mebibytes + 1.6 * room, false};
  }
  Scale y_scale() const {
    const double low = std::ranges::min(points_, {}, &ParetoPoint::low).low;
    const double high = std::ranges::max(points_, {}, &ParetoPoint::high).high;
    if (is_ratio()) {
      const double room = std::pow(std::max(high / low, 1.05), 0.06);
      return {low / room, high * room, true};
    }
    const double room = std::max(0.06 * (high - low), 0.01 * std::abs(high) + 1e-6);
    return {low - room, high + room, false};
  }
  Pixel at(double mebibytes, double quality) const {
    return {kPlot.left + x_.share(mebibytes) * (kPlot.right - kPlot.left),
            kPlot.bottom - y_.share(quality) * (kPlot.bottom - kPlot.top)};
  }
  Pixel at(const ParetoPoint& point) const { return at(point.mebibytes, point.quality); }

  void draw_axes() {
    const auto [left, top, right, bottom] = kPlot;
    for (const double tick : x_.ticks()) {
      const double x = left + x_.share(tick) * (right - left);
      svg_.line({x, top}, {x, bottom}, "major");
      svg_.text({x, bottom + 19}, number_text(tick), "tick", "middle");
    }
    for (const double tick : y_.ticks()) {
      const double y = bottom - y_.share(tick) * (bottom - top);
      svg_.line({left, y}, {right, y}, "major");
      svg_.text({left - 9, y + 4}, tick >= 1e4 ? si_text(tick) : number_text(tick), "tick", "end");
    }
    svg_.rectangle({left, top}, right - left, bottom - top, "frame");
    svg_.text({(left + right) / 2, bottom + 46}, "weights on disk, MiB", "axis", "middle");
    const std::string better =
        metric_.style().higher_is_better ? "higher is better" : "lower is better";
    const std::string unit = metric_.style().kind == MetricStyle::Kind::kShare ? ", %"
                             : is_ratio()                                      ? ", logarithmic"
                                                                               : "";
    svg_.text({28, (top + bottom) / 2}, cat(metric_.label(), unit, " (", better, ")"), "axis",
              "middle", -90);
  }

  // From cell to cell of those that are best of their size, and the dense model's level.
  void draw_front() {
    std::vector<ParetoPoint> front;
    for (const ParetoPoint& point : points_) {
      if (point.css_class != "dominated") front.push_back(point);
      if (point.css_class != "reference") continue;
      const double y = at(point).y;
      svg_.line({kPlot.left, y}, {kPlot.right, y}, "level");
    }
    std::ranges::stable_sort(front, {}, &ParetoPoint::mebibytes);
    for (size_t i = 1; i < front.size(); ++i) {
      const LineSegment line{at(front[i - 1]), at(front[i])};
      svg_.line(line.from, line.to, "front");
      names_.add_line(line);
    }
  }

  void draw_mark(const ParetoPoint& point) {
    const Pixel p = at(point);
    svg_.line(at(point.mebibytes, point.low), at(point.mebibytes, point.high), "bar");
    const std::string tooltip =
        cat(point.name, ": ", metric_.label(), " ", fixed_text(point.quality, 3), ", ",
            fixed_text(point.mebibytes, 1), " MiB");
    if (point.css_class == "reference")
      svg_.circle(p, kMark, point.css_class, tooltip);
    else
      svg_.diamond(p, kMark, point.css_class, tooltip);
    names_.add_obstacle({p.x - kMark - 3, p.y - kMark - 3, p.x + kMark + 3, p.y + kMark + 3});
  }

  // Names stand in columns beside the points of about one size.
  void draw_names() {
    std::vector<PointName> names;
    for (const ParetoPoint& point : points_)
      names.push_back({at(point), point.name, point.css_class != "dominated"});
    for (const std::vector<PointName>& cluster : clusters_by_x(names, 18))
      for (const PlacedName& placed : names_.place(cluster, false)) {
        const double gap = placed.on_left ? 3 : -3;
        svg_.line(placed.name.at, {placed.text_at.x + gap, placed.text_at.y}, "leader");
        svg_.text({placed.text_at.x, placed.text_at.y + 4}, placed.name.text,
                  cat("name ", class_of(placed.name.text)), placed.on_left ? "end" : "start");
      }
  }
  std::string class_of(const std::string& name) const {
    return std::ranges::find(points_, name, &ParetoPoint::name)->css_class;
  }

  void draw_legend() {
    double x = kPlot.left + 6;
    const double y = kPlot.top - 22;
    const auto entry = [&](const std::string& text, const char* css_class) {
      if (css_class == std::string("reference"))
        svg_.circle({x, y}, kMark, css_class, "");
      else
        svg_.diamond({x, y}, kMark, css_class, "");
      svg_.text({x + 13, y + 4}, text, "legend");
      x += 40 + text_width(text, 12.5);
    };
    entry("dense", "reference");
    entry("best of its size", "best");
    entry("dominated: another is no larger and better", "dominated");
  }

  const SweepMetric& metric_;
  std::vector<ParetoPoint> points_;
  Scale x_, y_;
  Svg svg_;
  NamePlacer names_;
};

}  // namespace

std::string pareto_svg(const std::string& name, const SweepView& view) {
  std::vector<ParetoPoint> points;
  for (const SweepRow& row : view.rows)
    if (!row.quality.empty() && row.quality[0].value && row.size.disk_bytes > 0)
      points.push_back(point_of(row, view.metrics[0]));
  if (points.empty()) fail(cat(name, ": no cell has a quality to plot"));
  const SweepMetric& metric = view.metrics[0];
  return ParetoPlot(metric, std::move(points))
      .draw(cat("Quality over bytes: ", name),
            cat(metric.label(), " (", metric.protocol, ", n ", metric.count,
                "); bars: standard error of the paired difference to dense"));
}

}  // namespace evalharness
