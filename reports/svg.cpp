#include "reports/svg.h"

#include <algorithm>
#include <cmath>

#include "harness/base/text.h"

namespace evalharness {
namespace {

std::string px(double value) { return fixed_text(value, 2); }

std::string titled(std::string_view tooltip) {
  return tooltip.empty() ? "/>\n" : cat("><title>", xml_escaped(tooltip), "</title>");
}
std::string closed(std::string_view tooltip, std::string_view element) {
  return tooltip.empty() ? "" : cat("</", element, ">\n");
}

}  // namespace

std::string plot_style() {
  return R"(text { font-family: Inter, "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; fill: #1f2937; }
.page { fill: #ffffff; }
.frame { fill: none; stroke: #9ca3af; }
.major { stroke: #e5e7eb; }
.title { font-size: 19px; font-weight: 600; }
.subtitle { font-size: 12.5px; fill: #6b7280; }
.axis { font-size: 13px; fill: #374151; }
.tick { font-size: 12px; fill: #4b5563; }
.legend { font-size: 12.5px; fill: #374151; }
.leader { stroke: #d1d5db; stroke-width: 0.9; }
)";
}

std::string xml_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&')
      escaped += "&amp;";
    else if (c == '<')
      escaped += "&lt;";
    else if (c == '>')
      escaped += "&gt;";
    else if (c == '"')
      escaped += "&quot;";
    else
      escaped += c;
  }
  return escaped;
}

Svg::Svg(double width, double height, std::string_view style) {
  body_ = cat("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", px(width), "\" height=\"",
              px(height), "\" viewBox=\"0 0 ", px(width), " ", px(height), "\">\n<style>\n", style,
              "</style>\n");
}

void Svg::rectangle(Pixel corner, double width, double height, std::string_view css_class) {
  body_ += cat("<rect class=\"", css_class, "\" x=\"", px(corner.x), "\" y=\"", px(corner.y),
               "\" width=\"", px(width), "\" height=\"", px(height), "\"/>\n");
}

void Svg::line(Pixel from, Pixel to, std::string_view css_class) {
  body_ += cat("<line class=\"", css_class, "\" x1=\"", px(from.x), "\" y1=\"", px(from.y),
               "\" x2=\"", px(to.x), "\" y2=\"", px(to.y), "\"/>\n");
}

void Svg::arrow(Pixel from, Pixel to, std::string_view css_class) {
  const double length = std::hypot(to.x - from.x, to.y - from.y);
  if (length == 0) return;
  const double ux = (to.x - from.x) / length, uy = (to.y - from.y) / length;
  const Pixel neck{to.x - 8 * ux, to.y - 8 * uy};
  line(from, neck, css_class);
  body_ += cat("<path class=\"", css_class, "\" d=\"M", px(to.x), " ", px(to.y), "L",
               px(neck.x - 3.5 * uy), " ", px(neck.y + 3.5 * ux), "L", px(neck.x + 3.5 * uy), " ",
               px(neck.y - 3.5 * ux), "Z\"/>\n");
}

void Svg::text(Pixel at, std::string_view text, std::string_view css_class, std::string_view anchor,
               double degrees) {
  body_ += cat("<text class=\"", css_class, "\" x=\"", px(at.x), "\" y=\"", px(at.y),
               "\" text-anchor=\"", anchor, "\"");
  if (degrees != 0)
    body_ += cat(" transform=\"rotate(", px(degrees), " ", px(at.x), " ", px(at.y), ")\"");
  body_ += cat(">", xml_escaped(text), "</text>\n");
}

void Svg::circle(Pixel centre, double radius, std::string_view css_class,
                 std::string_view tooltip) {
  body_ += cat("<circle class=\"", css_class, "\" cx=\"", px(centre.x), "\" cy=\"", px(centre.y),
               "\" r=\"", px(radius), "\"", titled(tooltip), closed(tooltip, "circle"));
}

void Svg::diamond(Pixel centre, double radius, std::string_view css_class,
                  std::string_view tooltip) {
  const double r = 1.25 * radius;  // looks as large as a circle of that radius
  body_ +=
      cat("<path class=\"", css_class, "\" d=\"M", px(centre.x), " ", px(centre.y - r), "L",
          px(centre.x + r), " ", px(centre.y), "L", px(centre.x), " ", px(centre.y + r), "L",
          px(centre.x - r), " ", px(centre.y), "Z\"", titled(tooltip), closed(tooltip, "path"));
}

std::string Svg::finish() && { return std::move(body_) + "</svg>\n"; }

bool overlaps(const Box& a, const Box& b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

// Liang and Barsky: the part of the segment inside the box is [enter, leave] of its length.
bool crosses(const LineSegment& segment, const Box& box) {
  const double dx = segment.to.x - segment.from.x, dy = segment.to.y - segment.from.y;
  double enter = 0, leave = 1;
  const auto clip = [&](double direction, double distance) {
    if (direction == 0) return distance >= 0;
    const double t = distance / direction;
    if (direction < 0)
      enter = std::max(enter, t);
    else
      leave = std::min(leave, t);
    return true;
  };
  return clip(-dx, segment.from.x - box.left) && clip(dx, box.right - segment.from.x) &&
         clip(-dy, segment.from.y - box.top) && clip(dy, box.bottom - segment.from.y) &&
         enter < leave;
}

double text_width(std::string_view text, double font_size) {
  return 0.6 * font_size * static_cast<double>(code_points(text));
}

}  // namespace evalharness
