#include "bench/report/plot.h"

#include <absl/strings/str_format.h>
#include <absl/strings/str_replace.h>

#include <algorithm>
#include <cmath>

#include "bench/report/figure.h"

namespace ioc::bench {
namespace {

constexpr double kWidth = 460;
constexpr double kHeight = 260;
constexpr double kLeft = 64;
constexpr double kRight = 450;
constexpr double kTop = 24;
constexpr double kBottom = 214;
constexpr double kLogarithmicFrom = 30;  // the factor between the most and the least
const char* const kColours[] = {"#2563eb", "#dc2626", "#059669"};

// From values to places on the page.
class Scale {
 public:
  Scale(double least, double most, bool logarithmic, double from, double to)
      : logarithmic_(logarithmic), least_(At(least)), most_(At(most)), from_(from), to_(to) {}

  double Place(double value) const {
    const double share = most_ == least_ ? 0.5 : (At(value) - least_) / (most_ - least_);
    return from_ + share * (to_ - from_);
  }

 private:
  double At(double value) const { return logarithmic_ ? std::log10(std::max(value, 1e-9)) : value; }

  const bool logarithmic_;
  const double least_;
  const double most_;
  const double from_;
  const double to_;
};

// A round value not below `value`: 1, 2 or 5 times a power of ten.
double RoundUp(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double digit : {1.0, 2.0, 5.0}) {
    if (digit * power >= value * 0.999) return digit * power;
  }
  return 10 * power;
}

struct Bounds {
  double least_x = INFINITY;
  double most_x = 0;
  double least_y = INFINITY;
  double most_y = 0;
};

Bounds BoundsOf(const std::vector<Line>& lines) {
  Bounds bounds;
  for (const Line& line : lines) {
    for (const auto& [x, y] : line.points) {
      bounds.least_x = std::min(bounds.least_x, x);
      bounds.most_x = std::max(bounds.most_x, x);
      bounds.least_y = std::min(bounds.least_y, y);
      bounds.most_y = std::max(bounds.most_y, y);
    }
  }
  return bounds;
}

std::string Text(double x, double y, const char* anchor, const std::string& text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, EscapeHtml(text));
}

std::string LeftTick(double value, const Scale& scale) {
  const double y = scale.Place(value);
  return absl::StrFormat("<path d=\"M%.1f %.1fH%.1f\" class=\"grid\"/>\n", kLeft, y, kRight) +
         Text(kLeft - 6, y + 4, "end", ShortFigure(value));
}

std::string LeftScale(const Bounds& bounds, bool logarithmic, const Scale& scale) {
  std::string svg;
  if (logarithmic) {
    for (double value = std::pow(10, std::floor(std::log10(bounds.least_y))); value <= bounds.most_y * 1.001;
         value *= 10) {
      if (value >= bounds.least_y * 0.999) svg += LeftTick(value, scale);
    }
    return svg;
  }
  const double step = RoundUp(bounds.most_y / 4);
  for (double value = 0; value <= bounds.most_y * 1.001; value += step) svg += LeftTick(value, scale);
  return svg;
}

// A tick where a point of the first line is, as far as they don't touch.
std::string BottomScale(const std::vector<Line>& lines, const Scale& scale) {
  constexpr double kApart = 34;
  std::string svg;
  double last = -kApart;
  for (const auto& [x, y] : lines.front().points) {
    const double place = scale.Place(x);
    if (place - last < kApart) continue;
    last = place;
    svg += absl::StrFormat("<path d=\"M%.1f %.1fv4\" class=\"axis\"/>\n", place, kBottom) +
           Text(place, kBottom + 18, "middle", ShortFigure(x));
  }
  return svg;
}

std::string Drawn(const Line& line, const char* colour, const Scale& across, const Scale& up) {
  std::string path;
  std::string dots;
  for (const auto& [x, y] : line.points) {
    absl::StrAppendFormat(&path, "%s%.1f %.1f", path.empty() ? "M" : "L", across.Place(x), up.Place(y));
    absl::StrAppendFormat(&dots,
                          "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>%s: %s at %s</title></circle>\n",
                          across.Place(x), up.Place(y), colour, EscapeHtml(line.name), Figure(y), ShortFigure(x));
  }
  return absl::StrFormat("<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", path, colour) + dots;
}

}  // namespace

std::string EscapeHtml(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string Plot(const std::string& x_label, const std::string& y_label, const std::vector<Line>& lines) {
  Bounds bounds = BoundsOf(lines);
  const bool logarithmic = bounds.most_y > kLogarithmicFrom * bounds.least_y;
  const Scale across(bounds.least_x, bounds.most_x, true, kLeft + 8, kRight - 8);
  const Scale up(logarithmic ? bounds.least_y : 0, bounds.most_y, logarithmic, kBottom, kTop + 8);
  std::string svg = absl::StrFormat("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"%s\">\n", kWidth, kHeight,
                                    EscapeHtml(y_label));
  svg += LeftScale(bounds, logarithmic, up) + BottomScale(lines, across);
  svg += absl::StrFormat("<path d=\"M%.1f %.1fV%.1fH%.1f\" class=\"axis\"/>\n", kLeft, kTop, kBottom, kRight);
  for (size_t i = 0; i < lines.size(); ++i) {
    const char* colour = kColours[i % std::size(kColours)];
    svg += Drawn(lines[i], colour, across, up);
    if (lines.size() > 1) {
      svg += absl::StrFormat("<g style=\"fill:%s\">", colour) +
             Text(kRight - 40 * static_cast<double>(lines.size() - 1 - i), kTop - 8, "end", lines[i].name) + "</g>";
    }
  }
  svg += Text((kLeft + kRight) / 2, kHeight - 8, "middle", x_label) + Text(4, kTop - 8, "start", y_label);
  return svg + "</svg>\n";
}

}  // namespace ioc::bench
