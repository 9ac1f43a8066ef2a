"""A report as one HTML page that needs nothing else: plots are inline SVG."""

import html
import math

import numpy as np

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem;
       color: #1b1f24; background: #fff; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #d8dee4; }
th:first-child, td:first-child { text-align: left; }
svg { background: #f6f8fa; border-radius: 4px; }
text { font: 11px system-ui, sans-serif; fill: #444c56; }
figure { margin: 1rem 0; } figcaption { color: #57606a; }
.pair { display: flex; gap: 1rem; flex-wrap: wrap; }
"""
_COLORS = ("#0969da", "#cf222e", "#1a7f37", "#8250df", "#bf8700", "#57606a")
#: More lines than this are a grey area, not a grid.
_MAX_GRID = 64


def _tag(name, text="", **attributes):
    # `class_` and `text_anchor` are spelt as Python can.
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
                    for key, value in attributes.items())
    return f"<{name}{given}>{text}</{name}>"


def _number(value):
    return "-" if value is None else f"{value:.4g}"


class _Axes:
    """A plot's frame: data coordinates to SVG's."""

    def __init__(self, x, y, width=420, height=240):
        self.width, self.height = width, height
        self._x, self._y = (_widen(x), _widen(y))
        self.marks = []

    def x(self, value):
        low, high = self._x
        return 52 + (value - low) / (high - low) * (self.width - 66)

    def y(self, value):
        low, high = self._y
        return self.height - 34 - (value - low) / (high - low) * (self.height - 50)

    def add(self, name, text="", **attributes):
        self.marks.append(_tag(name, text, **attributes))

    def label(self, x, y, text, anchor="middle"):
        self.add("text", html.escape(text), x=f"{x:.1f}", y=f"{y:.1f}",
                 text_anchor=anchor)

    def svg(self, x_name, y_name):
        for value in np.linspace(*self._x, 5):
            self.label(self.x(value), self.height - 18, _number(value))
        for value in np.linspace(*self._y, 5):
            self.label(46, self.y(value) + 4, _number(value), "end")
        self.label(self.width / 2, self.height - 4, x_name)
        self.label(4, 12, y_name, "start")
        return _tag("svg", "".join(self.marks), width=self.width, height=self.height,
                    role="img", xmlns="http://www.w3.org/2000/svg")


def _widen(bounds):
    low, high = (float(b) for b in bounds)
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def histogram(counts, edges, grid=(), x_name="value"):
    """Bars of `counts` between `edges`; `grid` are the values that codes mean."""
    counts = np.log10(1 + np.asarray(counts, np.float64))
    axes = _Axes((edges[0], edges[-1]), (0, counts.max(initial=1)))
    for level in grid if len(grid) <= _MAX_GRID else ():
        if edges[0] <= level <= edges[-1]:
            axes.add("line", x1=f"{axes.x(level):.1f}", x2=f"{axes.x(level):.1f}",
                     y1=16, y2=axes.height - 34, stroke="#cf222e", stroke_opacity=0.5)
    for count, left, right in zip(counts, edges, edges[1:]):
        axes.add("rect", x=f"{axes.x(left):.1f}", y=f"{axes.y(count):.1f}",
                 width=f"{max(axes.x(right) - axes.x(left), 0.5):.1f}",
                 height=f"{axes.y(0) - axes.y(count):.1f}", fill=_COLORS[0],
                 fill_opacity=0.7)
    return axes.svg(x_name, "log10(1 + count)")


def bars(values, y_name):
    """A bar for each of {name: value}, the name as its tooltip."""
    finite = [v for v in values.values() if math.isfinite(v)] or [0.0]
    axes = _Axes((0, len(values)), (min(0.0, *finite), max(finite)), 860)
    for place, (name, value) in enumerate(values.items()):
        # No error at all is as high as the plot goes.
        top = min(max(value, min(0.0, *finite)), max(finite))
        low, high = sorted((axes.y(top), axes.y(0)))
        axes.add("rect", _tag("title", html.escape(f"{name}: {_number(value)}")),
                 x=f"{axes.x(place + 0.1):.1f}", y=f"{low:.1f}",
                 width=f"{axes.x(0.8) - axes.x(0):.1f}", height=f"{high - low:.1f}",
                 fill=_COLORS[0])
    return axes.svg("layer", y_name)


def scatter(points, x_name, y_name):
    """Points (x, y, series, name); a color for each series."""
    points = [p for p in points if math.isfinite(p[0]) and math.isfinite(p[1])]
    if not points:
        return "<p>every scheme is exact</p>"
    axes = _Axes((min(p[0] for p in points), max(p[0] for p in points)),
                 (min(p[1] for p in points), max(p[1] for p in points)), 860, 360)
    series = list(dict.fromkeys(p[2] for p in points))
    for x, y, kind, name in points:
        color = _COLORS[series.index(kind) % len(_COLORS)]
        axes.add("circle", _tag("title", html.escape(
            f"{name}: {_number(x)}, {_number(y)}")), cx=f"{axes.x(x):.1f}",
            cy=f"{axes.y(y):.1f}", r=5, fill=color, fill_opacity=0.8)
    for place, kind in enumerate(series):
        axes.add("circle", cx=70, cy=24 + 16 * place, r=4,
                 fill=_COLORS[place % len(_COLORS)])
        axes.label(80, 28 + 16 * place, kind, "start")
    return axes.svg(x_name, y_name)


def _table(header, rows):
    head = _tag("tr", "".join(_tag("th", html.escape(h)) for h in header))
    body = "".join(_tag("tr", "".join(_tag("td", html.escape(str(c))) for c in row))
                   for row in rows)
    return _tag("table", head + body)


def make_page(title, tries, histograms):
    """The page of `tries`, a list of (Try, errors of its layers, totals).

    `histograms` is a list of (layer, weight plot, activation plot or ""), of the
    layers that the first scheme hurts most.
    """
    use_output = all(t["output_db"] is not None for _, _, t in tries)
    kind = "output_db" if use_output else "weight_db"
    y_name = ("output" if use_output else "weight") + " signal to noise, dB"
    parts = [_tag("h1", html.escape(title)), _tag("h2", "Schemes: size against error")]
    parts.append(scatter([(t["bytes_after"] / 1e6, t[kind], attempt.method,
                           attempt.name) for attempt, _, t in tries],
                         "megabytes", y_name))
    parts.append(_table(
        ("scheme", "bytes", "weights, dB", "outputs, dB", "hurts most"),
        [(attempt.name, f"{t['bytes_after']:,}", _number(t["weight_db"]),
          _number(t["output_db"]), t["worst_layer"]) for attempt, _, t in tries]))
    attempt, errors, _ = tries[0]
    parts.append(_tag("h2", "Layers under " + html.escape(attempt.name)))
    parts.append(bars({e.layer: getattr(e, kind) for e in errors}, y_name))
    parts.append(_table(
        ("layer, worst first", "weights, dB", "outputs, dB", "cosine", "max error",
         "bytes before", "after"),
        [(e.layer, _number(e.weight_db), _number(e.output_db), f"{e.cosine:.6f}",
          _number(e.max_error), f"{e.bytes_before:,}", f"{e.bytes_after:,}")
         for e in sorted(errors, key=lambda e: -e.hurt)]))
    parts.append(_tag("h2", "Distributions"))
    for layer, weight_plot, activation_plot in histograms:
        plots = _tag("figure", weight_plot + _tag(
            "figcaption", "weights; red: values that codes of one block mean"))
        if activation_plot:
            plots += _tag("figure", activation_plot + _tag(
                "figcaption", "inputs that calibration saw; red: an int8 grid"))
        parts.append(_tag("h3", html.escape(layer)) + _tag("div", plots, class_="pair"))
    return ("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            + _tag("title", html.escape(title)) + _tag("style", _STYLE)
            + "</head><body>" + "\n".join(parts) + "</body></html>\n")
