//! A plot as SVG. Colours are the page's (`style.css`), so that they follow the reader's light or
//! dark.
//!
//! Series differ by colour and by marker, for readers who see no difference in colour.

use std::fmt::Write;

use maud::{Markup, html};

use super::number::significant;
use super::plot::{Plot, Series};
use super::scale::Frame;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 44.0;
const MARKER: f64 = 4.0;
/// Colours in `style.css`.
const COLOURS: usize = 8;
/// Markers of a series with more points would touch.
const MARKED_POINTS_MAX: usize = 24;

/// Places in the drawing.
struct Canvas<'a> {
    x: &'a Frame,
    y: &'a Frame,
}

impl Canvas<'_> {
    fn across(&self, value: f64) -> Option<f64> {
        Some(LEFT + self.x.share(value)? * (WIDTH - LEFT - RIGHT))
    }

    fn down(&self, value: f64) -> Option<f64> {
        Some(HEIGHT - BOTTOM - self.y.share(value)? * (HEIGHT - TOP - BOTTOM))
    }

    fn at(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        Some((self.across(x)?, self.down(y)?))
    }
}

/// The line and marker of a legend.
pub(super) fn key(index: usize) -> Markup {
    html! {
        svg class={ "key s" (index % COLOURS) } viewBox="0 0 26 12" aria-hidden="true" {
            path.line d="M1 6H25" {}
            (marker(index, (13.0, 6.0), false, ""))
        }
    }
}

pub(super) fn drawing(plot: &Plot, x: &Frame, y: &Frame) -> Markup {
    let canvas = Canvas { x, y };
    let bottom = HEIGHT - BOTTOM;
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(plot.title) {
            text.title x="2" y="12" { (plot.y.label) }
            text.title.middle x=((LEFT + WIDTH - RIGHT) / 2.0) y=(HEIGHT - 6.0) { (plot.x.label) }
            @for (value, label) in &y.ticks {
                @if let Some(at) = canvas.down(*value) {
                    path.grid d={ "M" (LEFT) " " (short(at)) "H" (WIDTH - RIGHT) } {}
                    text.tick.end x=(LEFT - 6.0) y=(short(at + 4.0)) { (label) }
                }
            }
            @for (value, label) in &x.ticks {
                @if let Some(at) = canvas.across(*value) {
                    path.grid d={ "M" (short(at)) " " (TOP) "V" (bottom) } {}
                    text.tick.middle x=(short(at)) y=(bottom + 16.0) { (label) }
                }
            }
            path.axis d={ "M" (LEFT) " " (bottom) "H" (WIDTH - RIGHT) } {}
            @for (index, series) in plot.series.iter().enumerate() {
                (drawn(&canvas, plot, index, series))
            }
        }
    }
}

fn drawn(canvas: &Canvas<'_>, plot: &Plot, index: usize, series: &Series) -> Markup {
    let is_marked = series.points.len() <= MARKED_POINTS_MAX;
    let is_doubtful = !series.points.is_empty() && series.doubtful.len() == series.points.len();
    html! {
        g class={ "s" (index % COLOURS) } {
            @if canvas.x.is_continuous() {
                path.line.doubtful[is_doubtful] d=(line(canvas, series)) {
                    title { (series.name) }
                }
            }
            @for (low, high) in whiskers(canvas, series) {
                path.whisker d={ "M" (short(low.0)) " " (short(low.1)) "V" (short(high)) } {}
            }
            @if is_marked {
                @for (point, value) in series.points.iter().enumerate() {
                    @if let Some(at) = canvas.at(*value) {
                        (marker(index, at, series.is_doubtful(point), &tooltip(plot, series, point)))
                    }
                }
            }
        }
    }
}

/// The lower ends, and how far up each goes.
fn whiskers(canvas: &Canvas<'_>, series: &Series) -> Vec<((f64, f64), f64)> {
    let ends = series.low_high.iter().flatten();
    let points = series.points.iter().zip(ends);
    points
        .filter_map(|(point, (low, high))| Some((canvas.at((point.0, *low))?, canvas.down(*high)?)))
        .collect()
}

fn line(canvas: &Canvas<'_>, series: &Series) -> String {
    let mut path = String::new();
    for (x, y) in series.points.iter().filter_map(|point| canvas.at(*point)) {
        let command = if path.is_empty() { 'M' } else { 'L' };
        // Writing to a string does not fail.
        let _ = write!(path, "{command}{} {}", short(x), short(y));
    }
    path
}

fn tooltip(plot: &Plot, series: &Series, point: usize) -> String {
    let (x, y) = series.points[point];
    let place = match &plot.x.scale {
        super::Scale::Names(names) => names.get(x as usize).cloned().unwrap_or_default(),
        super::Scale::Percentiles => format!("{}%", significant(100.0 - 100.0 / x)),
        _ => significant(x),
    };
    let mut text = format!(
        "{}\n{}: {place}\n{}: {}",
        series.name,
        plot.x.label,
        plot.y.label,
        significant(y)
    );
    if let Some((low, high)) = series.low_high.as_ref().and_then(|ends| ends.get(point)) {
        // Writing to a string does not fail.
        let _ = write!(text, " ({} to {})", significant(*low), significant(*high));
    }
    if series.is_doubtful(point) {
        text.push_str("\nmay not hold");
    }
    text
}

fn marker(index: usize, (x, y): (f64, f64), is_hollow: bool, title: &str) -> Markup {
    let r = MARKER;
    let shape = match index % 5 {
        0 => [(-r, 0.0), (0.0, -r), (r, 0.0), (0.0, r)].to_vec(),
        1 => [(-r, -r), (r, -r), (r, r), (-r, r)].to_vec(),
        2 => [(0.0, -r * 1.2), (r * 1.1, r * 0.8), (-r * 1.1, r * 0.8)].to_vec(),
        3 => [(-r * 1.1, -r * 0.8), (r * 1.1, -r * 0.8), (0.0, r * 1.2)].to_vec(),
        _ => Vec::new(),
    };
    let corners = shape
        .iter()
        .map(|(right, down)| format!("{},{}", short(x + right), short(y + down)))
        .collect::<Vec<_>>();
    html! {
        @if corners.is_empty() {
            circle.marker.hollow[is_hollow] cx=(short(x)) cy=(short(y)) r=(r) {
                @if !title.is_empty() { title { (title) } }
            }
        } @else {
            polygon.marker.hollow[is_hollow] points=(corners.join(" ")) {
                @if !title.is_empty() { title { (title) } }
            }
        }
    }
}

/// A tenth of a unit is finer than any screen.
fn short(place: f64) -> String {
    format!("{place:.1}")
}
