// The roofline of each measured backend: what the machine can do at most, and where the layers
// stand.
//
// Both axes are logarithmic. x = FLOP / bytes and y = FLOP / second of one call, where FLOP is what
// the dense layer would need, bytes the least that the call must move, and seconds the measured
// time. A bandwidth is then a line of slope 1 and a multiply peak a level one. The heavy lines are
// the bounds that the record's bound_seconds are computed from.
#include <algorithm>
#include <cmath>
#include <map>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "reports/comparison.h"
#include "reports/format.h"
#include "reports/name_columns.h"
#include "reports/report.h"
#include "reports/roofline_view.h"
#include "reports/svg.h"

namespace evalharness {
namespace {

constexpr PlotFrame kPanelFrame{.width = 1040, .height = 680, .left = 84, .right = 206, .top = 122, .bottom = 92};
constexpr double kLabelSize = 11;
constexpr double kSlantLabelTop = 20, kSlantLabelLine = 16;

constexpr const char* kStyle =
    R"(.minor { stroke: #f3f4f6; }
.roof { stroke: #111827; stroke-width: 2; }
.ceiling { stroke: #9ca3af; stroke-width: 1.1; }
.gemm { stroke: #4b5563; stroke-width: 1.3; stroke-dasharray: 7 4; }
.label { font-size: 11px; fill: #4b5563; paint-order: stroke; stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round; }
.rooflabel { font-size: 11px; font-weight: 600; fill: #111827; paint-order: stroke; stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round; }
.pointer { stroke: #9ca3af; stroke-width: 0.9; }
.dot { fill: #111827; }
.move { stroke: #fb923c; fill: #fb923c; stroke-width: 1.4; opacity: 0.75; }
.dense { fill: #2563eb; stroke: #2563eb; stroke-width: 1.6; }
.dense.decode { fill: #ffffff; }
.compressed { fill: #ea580c; stroke: #ea580c; stroke-width: 1.6; }
.compressed.decode { fill: #ffffff; }
.dense.name { font-size: 11px; fill: #1e40af; stroke: #ffffff; stroke-width: 3px; paint-order: stroke; stroke-linejoin: round; }
.compressed.name { font-size: 11px; fill: #9a3412; stroke: #ffffff; stroke-width: 3px; paint-order: stroke; stroke-linejoin: round; }
.whole { font-weight: 700; }
)";

std::string intensity_tick(double value) {
  return value < 1e4 ? number_text(value) : si_text(value);
}

class Panel {
 public:
  Panel(Svg& svg, RooflineView view, double top)
      : svg_(svg),
        view_(std::move(view)),
        axes_(with_room_for_slant_labels(axes_for(view_, kPanelFrame.plot(top)))),
        names_({axes_.left, axes_.top, axes_.right, axes_.bottom}, kLabelSize) {}

  void draw(const std::string& title, const std::string& subtitle) {
    svg_.text({kPanelFrame.left, axes_.top - 88}, title, "title");
    svg_.text({kPanelFrame.left, axes_.top - 66}, subtitle, "subtitle");
    draw_grid();
    draw_ceilings();
    draw_moves();
    reserve();
    draw_level_labels();
    draw_slant_labels();
    draw_names();
    for (const bool model : {true, false})  // small marks on top
      for (const RooflineMark& mark : view_.marks)
        if (mark.is_model() == model) draw_mark(mark);
    draw_legend();
  }

 private:
  void draw_grid() {
    const Pixel corner{axes_.left, axes_.top};
    for (double power = 1e-6; power < 1e21; power *= 10)
      for (const double step : {2.0, 5.0, 10.0}) {
        const char* css_class = step == 10 ? "major" : "minor";
        if (const double v = power * step; v > axes_.x_low && v < axes_.x_high)
          svg_.line({axes_.x(v), axes_.top}, {axes_.x(v), axes_.bottom}, css_class);
        if (const double v = power * step; v > axes_.y_low && v < axes_.y_high)
          svg_.line({axes_.left, axes_.y(v)}, {axes_.right, axes_.y(v)}, css_class);
      }
    for (int exponent = -6; exponent < 21; ++exponent) {
      const double v = std::pow(10, exponent);
      if (v > axes_.x_low && v < axes_.x_high)
        svg_.text({axes_.x(v), axes_.bottom + 19}, intensity_tick(v), "tick", "middle");
      if (v > axes_.y_low && v < axes_.y_high)
        svg_.text({axes_.left - 9, axes_.y(v) + 4}, fixed_si(v), "tick", "end");
    }
    svg_.rectangle(corner, axes_.right - axes_.left, axes_.bottom - axes_.top, "frame");
    svg_.text({(axes_.left + axes_.right) / 2, axes_.bottom + 43}, "FLOP per byte moved", "axis",
              "middle");
    svg_.text({axes_.left - 60, (axes_.top + axes_.bottom) / 2}, "FLOP/s, measured", "axis",
              "middle", -90);
    svg_.text({axes_.left, axes_.bottom + 72},
              "FLOP as the dense layer needs them; bytes: the least that a call must move. Heavy "
              "lines: the bounds that efficiency is counted from.",
              "subtitle");
  }

  static std::string fixed_si(double power_of_ten) {
    // "100 G": a power of ten needs no decimals.
    const std::string text = si_text(power_of_ten);
    const size_t point = text.find('.');
    if (point == std::string::npos) return text;
    const size_t unit = text.find(' ');
    return text.substr(0, point) + (unit == std::string::npos ? "" : text.substr(unit));
  }

  static const char* css_class_of(const Ceiling& ceiling) {
    if (ceiling.role == "roof") return "roof";
    return ceiling.name.find("GEMM") != std::string::npos ? "gemm" : "ceiling";
  }
  LineSegment line_of(const Slant& slant) const {
    return axes_.slant(slant.bytes_per_second,
                       slant.roof ? view_.peak : view_.levels.front().per_second);
  }
  LineSegment line_of(const Ceiling& level) const {
    return axes_.level(level.per_second, view_.slants.front().bytes_per_second);
  }

  void draw_ceilings() {
    // Levels above the roof meet the fastest slant's continuation.
    const Slant& fastest = view_.slants.front();
    const LineSegment beyond =
        axes_.slant(fastest.bytes_per_second, view_.levels.front().per_second);
    svg_.line(beyond.from, beyond.to, "ceiling");
    for (const bool roof : {false, true}) {  // roofs last, so that no thin line crosses them
      const auto draw_line = [&](const LineSegment& line, const char* css_class) {
        svg_.line(line.from, line.to, css_class);
        names_.add_line(line);
      };
      for (const Slant& slant : view_.slants)
        if (slant.roof == roof) draw_line(line_of(slant), roof ? "roof" : "ceiling");
      for (const Ceiling& level : view_.levels)
        if ((level.role == "roof") == roof) draw_line(line_of(level), css_class_of(level));
    }
  }

  // Where the whole model went, from edge to edge of its marks.
  void draw_moves() {
    for (const RooflineMark& from : view_.marks)
      for (const RooflineMark& to : view_.marks)
        if (from.is_model() && to.is_model() && from.variant == "dense" && to.variant != "dense" &&
            from.point->phase == to.point->phase)
          draw_move(position(from), position(to));
  }
  void draw_move(Pixel from, Pixel to) {
    const double length = std::hypot(to.x - from.x, to.y - from.y);
    const double start = 8 / length, end = 1 - 11 / length;
    if (end - start < 0.2) return;  // the marks nearly touch
    const auto along = [&](double t) {
      return Pixel{from.x + t * (to.x - from.x), from.y + t * (to.y - from.y)};
    };
    svg_.arrow(along(start), along(end), "move");
    names_.add_line({along(start), along(end)});
  }

  Pixel position(const RooflineMark& mark) const {
    return axes_.at(mark.intensity, mark.flops_per_second);
  }
  static double radius(const RooflineMark& mark) { return mark.is_model() ? 7 : 4.2; }

  void reserve() {
    for (const RooflineMark& mark : view_.marks) {
      const Pixel p = position(mark);
      const double r = radius(mark) + 2;
      names_.add_obstacle({p.x - r, p.y - r, p.x + r, p.y + r});
    }
  }

  void draw_mark(const RooflineMark& mark) {
    const std::string css_class = cat(mark.variant, " ", mark.point->phase);
    std::string tooltip = cat(mark.point->name, ", ", mark.point->phase, ", ", mark.variant, ": ",
                              si_text(mark.flops_per_second), "FLOP/s at ",
                              fixed_text(mark.intensity, 2), " FLOP/byte; ", mark.point->kernel);
    if (mark.point->bound_seconds > 0)
      tooltip +=
          cat("; ", fixed_text(100 * mark.point->bound_seconds / *mark.point->seconds.value, 0),
              " % of the bound");
    if (mark.variant == "dense")
      svg_.circle(position(mark), radius(mark), css_class, tooltip);
    else
      svg_.diamond(position(mark), radius(mark), css_class, tooltip);
  }

  // Names of one variant and phase stand in columns beside its points.
  void draw_names() {
    std::map<std::pair<std::string, std::string>, std::vector<RooflineMark>> groups;
    for (const RooflineMark& mark : view_.marks)
      groups[{mark.variant, mark.point->phase}].push_back(mark);
    std::vector<std::pair<PlacedName, std::string>> names;  // with the variant
    for (const auto& [key, group] : groups)
      for (const std::vector<PointName>& cluster : clusters_by_x(names_of(group), 32))
        for (const PlacedName& placed : names_.place(cluster, key.first == "dense"))
          names.emplace_back(placed, key.first);
    for (const auto& [placed, variant] : names)
      svg_.line(placed.name.at, {placed.text_at.x + (placed.on_left ? 3 : -3), placed.text_at.y},
                "leader");
    for (const auto& [placed, variant] : names)  // after the leaders, which no name is crossed by
      svg_.text({placed.text_at.x, placed.text_at.y + 4}, placed.name.text,
                cat(variant, " name", placed.name.strong ? " whole" : ""),
                placed.on_left ? "end" : "start");
  }

  // Points that lie on each other share a line of text.
  std::vector<PointName> names_of(const std::vector<RooflineMark>& group) const {
    std::vector<PointName> names;
    for (const RooflineMark& mark : group) {
      const Pixel p = position(mark);
      const auto same = std::find_if(names.begin(), names.end(), [&](const PointName& name) {
        return !mark.is_model() && !name.strong && std::hypot(name.at.x - p.x, name.at.y - p.y) < 7;
      });
      if (same == names.end())
        names.push_back({p, mark.point->name, mark.is_model()});
      else
        same->text = joined(same->text, mark.point->name);
    }
    return names;
  }

  // "gate_proj" and "up_proj" are "gate, up_proj".
  static std::string joined(const std::string& names, const std::string& name) {
    if (names.find(name) != std::string::npos) return names;
    const bool shared = names.ends_with("_proj") && name.ends_with("_proj");
    return cat(shared ? names.substr(0, names.size() - 5) : names, ", ", name);
  }

  // Levels are named in the right margin, apart from each other.
  void draw_level_labels() {
    constexpr double kLine = 13;
    double lowest = axes_.top - kLine;
    for (const Ceiling& ceiling : view_.levels) {
      const std::vector<std::string> lines = level_label(ceiling);
      const double middle = axes_.y(ceiling.per_second);
      const double half = kLine * static_cast<double>(lines.size() - 1) / 2;
      double y = std::max(middle + 4 - half, lowest + kLine + 4);
      svg_.line({axes_.right, middle}, {axes_.right + 10, y - 4 + half}, "leader");
      for (const std::string& line : lines) {
        svg_.text({axes_.right + 14, y}, line, ceiling.role == "roof" ? "rooflabel" : "label");
        lowest = y;
        y += kLine;
      }
    }
  }

  // One line where that fits the margin; otherwise the number has a line of its own.
  static std::vector<std::string> level_label(const Ceiling& ceiling) {
    constexpr double kMargin = kPanelFrame.right - 26;
    const std::string rate = si_text(ceiling.per_second) + "FLOP/s";
    const std::string whole = cat(ceiling.name, ": ", rate);
    if (text_width(whole, kLabelSize) <= kMargin) return {whole};
    std::vector<std::string> lines = broken(ceiling.name, kMargin);
    lines.push_back(rate);
    return lines;
  }

  // Lines of words, none wider than `width` pixels if its words are not.
  static std::vector<std::string> broken(const std::string& text, double width) {
    std::vector<std::string> lines;
    for (const std::string& word : split_whitespace(text)) {
      if (lines.empty() || text_width(cat(lines.back(), " ", word), kLabelSize) > width)
        lines.push_back(word);
      else
        lines.back() += " " + word;
    }
    return lines;
  }

  // Slants are named where no point can be: left of the fastest, each at the height at which its
  // leader meets it.
  void draw_slant_labels() {
    const double top = axes_.y(view_.peak) + kSlantLabelTop;
    const double bottom = top + slant_labels_height();
    const double right = x_at(view_.slants.front(), bottom) - 14;
    double y = top;
    for (const Slant& slant : view_.slants) {
      const std::string label = slant_label(slant);
      svg_.line({right + 4, y}, {x_at(slant, y), y}, "pointer");
      svg_.circle({x_at(slant, y), y}, 2.2, "dot", "");
      svg_.text({right, y + 4}, label, slant.roof ? "rooflabel" : "label", "end");
      names_.add_obstacle({right - text_width(label, kLabelSize), y - 7, right, y + 7});
      names_.add_line({{right, y}, {x_at(slant, y), y}});
      y += kSlantLabelLine;
    }
  }
  double slant_labels_height() const {
    return kSlantLabelLine * static_cast<double>(view_.slants.size() - 1);
  }
  // Moves the left end of x so far that the labels fit between the frame and the fastest slant.
  LogAxes with_room_for_slant_labels(LogAxes axes) const {
    double widest = 0;
    for (const Slant& slant : view_.slants)
      widest = std::max(widest, text_width(slant_label(slant), kLabelSize));
    const double share = (widest + 24) / (axes.right - axes.left);
    const double down = (kSlantLabelTop + slant_labels_height()) / (axes.bottom - axes.top);
    const double lowest = view_.peak * std::pow(axes.y_low / axes.y_high, down);  // FLOP/s
    const double x = std::log(lowest / view_.slants.front().bytes_per_second);
    // The x_low at which x stands at `share` of the width: (x - low) / (high - low) = share.
    const double low = (x - share * std::log(axes.x_high)) / (1 - share);
    axes.x_low = std::min(axes.x_low, std::exp(low));
    return axes;
  }
  double x_at(const Slant& slant, double y) const {
    const LineSegment line = line_of(slant);
    return line.from.x + (line.to.x - line.from.x) * (y - line.from.y) / (line.to.y - line.from.y);
  }

  void draw_legend() {
    double x = axes_.left + 6;
    const double y = axes_.top - 26;
    const auto entry = [&](const std::string& text, auto symbol) {
      symbol(Pixel{x, y});
      svg_.text({x + 12, y + 4}, text, "legend");
      x += 34 + text_width(text, 12.5);
    };
    const bool pair = std::any_of(view_.marks.begin(), view_.marks.end(),
                                  [](const RooflineMark& mark) { return mark.variant != "dense"; });
    entry("dense, prefill", [&](Pixel p) { svg_.circle(p, 4.2, "dense prefill", ""); });
    entry("dense, decode", [&](Pixel p) { svg_.circle(p, 4.2, "dense decode", ""); });
    if (!pair) return;
    entry("compressed, prefill", [&](Pixel p) { svg_.diamond(p, 4.2, "compressed prefill", ""); });
    entry("compressed, decode", [&](Pixel p) { svg_.diamond(p, 4.2, "compressed decode", ""); });
    entry("whole model, dense to compressed", [&](Pixel p) {
      svg_.arrow({p.x - 12, p.y}, {p.x + 7, p.y}, "move");
    });
  }

  Svg& svg_;
  RooflineView view_;
  LogAxes axes_;
  NamePlacer names_;
};

}  // namespace

std::string roofline_svg(const RunResult& result) {
  const std::vector<std::string> backends = roofline_backends(result);
  if (backends.empty()) fail(cat(result.name, ": no roofline was measured"));
  const double height = kPanelFrame.height * static_cast<double>(backends.size());
  Svg svg(kPanelFrame.width, height, plot_style() + kStyle);
  svg.rectangle({0, 0}, kPanelFrame.width, height, "page");
  const std::vector<std::string> lines = headline(result);
  for (size_t i = 0; i < backends.size(); ++i) {
    Panel panel(svg, roofline_view(result, backends[i]), kPanelFrame.height * static_cast<double>(i));
    panel.draw(cat("Roofline of ", result.name, " on ", backends[i]), lines.back());
  }
  return std::move(svg).finish();
}

}  // namespace evalharness
