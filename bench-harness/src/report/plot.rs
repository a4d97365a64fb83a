//! What a plot shows: axes and series. How it looks is in `svg`.

use maud::{Markup, html};

use super::scale::Frame;
use super::svg;

/// How values lie along an axis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    #[default]
    Linear,
    Log,
    /// Values are 1 / (1 - share): 2 is the median, 100 is p99. Every further nine takes the same
    /// room.
    Percentiles,
    /// Values are 0, 1, 2, …: the places of these names.
    Names(Vec<String>),
}

/// `label` has the unit in it.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    pub label: String,
    pub scale: Scale,
    /// Values that are on the axis though no point may have them: plots that share these can be
    /// compared by eye.
    pub includes: Vec<f64>,
}

/// Points in the order in which a line joins them.
#[derive(Clone, Debug, Default)]
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
    /// The ends of a whisker for each point.
    pub low_high: Option<Vec<(f64, f64)>>,
    /// Indices of points that may not hold, which are drawn hollow.
    pub doubtful: Vec<usize>,
}

#[derive(Clone, Debug, Default)]
pub struct Plot {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
}

impl Axis {
    pub fn log(label: impl Into<String>) -> Self {
        Self::new(label, Scale::Log)
    }

    pub fn new(label: impl Into<String>, scale: Scale) -> Self {
        Self {
            label: label.into(),
            scale,
            includes: Vec::new(),
        }
    }

    /// Has room for these values; logarithmic if they span more than a decade, all of them being
    /// positive.
    pub fn fitting(label: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        let is_log = low > 0.0 && high > low * 10.0;
        Self {
            includes: if low <= high {
                vec![low, high]
            } else {
                Vec::new()
            },
            ..Self::new(label, if is_log { Scale::Log } else { Scale::Linear })
        }
    }
}

impl Series {
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points,
            ..Self::default()
        }
    }

    pub(super) fn is_doubtful(&self, index: usize) -> bool {
        self.doubtful.contains(&index)
    }
}

impl Plot {
    /// A `figure` with title, legend and drawing.
    pub(super) fn markup(&self) -> Markup {
        let values = |axis: fn(&(f64, f64)) -> f64| {
            let points = self.series.iter().flat_map(|series| &series.points);
            points.map(axis).collect::<Vec<f64>>()
        };
        let whiskers = self.series.iter().filter_map(|one| one.low_high.as_ref());
        let ends = whiskers.flatten().flat_map(|(low, high)| [*low, *high]);
        let (x, y) = if self.series.iter().all(|series| series.points.is_empty()) {
            (None, None)
        } else {
            let x = values(|point| point.0).into_iter();
            let y = values(|point| point.1).into_iter().chain(ends);
            (
                Frame::around(&self.x.scale, x.chain(self.x.includes.clone())),
                Frame::around(&self.y.scale, y.chain(self.y.includes.clone())),
            )
        };
        let doubt = self.series.iter().any(|one| !one.doubtful.is_empty());
        html! {
            figure.plot {
                figcaption {
                    h3 { (self.title) }
                    @if self.series.len() > 1 {
                        ul.legend {
                            @for (index, series) in self.series.iter().enumerate() {
                                li { (svg::key(index)) (series.name) }
                            }
                        }
                    }
                }
                @match (x, y) {
                    (Some(x), Some(y)) => (svg::drawing(self, &x, &y)),
                    _ => p.note { "Nothing was measured." },
                }
                @if doubt {
                    p.note { "Hollow or dashed: may not hold, see the table." }
                }
            }
        }
    }
}
