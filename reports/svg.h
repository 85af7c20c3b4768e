// The few elements of SVG that a plot needs, and boxes that labels must not share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace evalharness {

// Pixels; y grows downwards.
struct Pixel {
  double x = 0, y = 0;
};

// &, <, > and quotes as entities.
std::string xml_escaped(std::string_view text);

// CSS of what every plot has: text, page, frame, major (grid), title, subtitle, axis, tick, legend, leader.
std::string plot_style();

class Svg {
 public:
  // `style` is CSS; elements name its classes.
  Svg(double width, double height, std::string_view style);
  void rectangle(Pixel corner, double width, double height, std::string_view css_class);
  void line(Pixel from, Pixel to, std::string_view css_class);
  // A line with a head at `to`; `css_class` sets its stroke and its fill.
  void arrow(Pixel from, Pixel to, std::string_view css_class);
  // `anchor`: "start", "middle" or "end"; `degrees` turn the text clockwise about its place.
  void text(Pixel at, std::string_view text, std::string_view css_class,
            std::string_view anchor = "start", double degrees = 0);
  // Marks with a tooltip, centred.
  void circle(Pixel centre, double radius, std::string_view css_class, std::string_view tooltip);
  void diamond(Pixel centre, double radius, std::string_view css_class, std::string_view tooltip);
  std::string finish() &&;

 private:
  std::string body_;
};

struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
};

// A page and the margins around its plot.
struct PlotFrame {
  double width, height, left, right, top, bottom;
  // Of a page that begins at `y`.
  constexpr Box plot(double y = 0) const { return {left, y + top, width - right, y + height - bottom}; }
};

struct LineSegment {
  Pixel from, to;
};
bool overlaps(const Box& a, const Box& b);
bool crosses(const LineSegment& segment, const Box& box);

// About as wide as a sans-serif font sets it.
double text_width(std::string_view text, double font_size);

}  // namespace evalharness
