//! From values to places along an axis, with ticks at numbers that one can read.

use super::number::with_prefix;
use super::plot::Scale;

/// Ticks that an axis has, about; more would touch.
const TICKS: f64 = 5.0;
/// With so few decades, 2 and 5 are ticks as well.
const DECADES_WITH_STEPS: f64 = 2.0;

/// The part of an axis that is shown.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    scale: Scale,
    /// As they lie on the axis: logarithms on a logarithmic one.
    low: f64,
    high: f64,
    /// Value and label.
    pub ticks: Vec<(f64, String)>,
}

impl Frame {
    /// `None` without a value that can be shown.
    pub fn around(scale: &Scale, values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|value| is_shown(scale, *value)) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            return None;
        }
        Some(match scale {
            Scale::Linear => linear(low, high),
            Scale::Log => log(low, high),
            Scale::Percentiles => percentiles(high),
            Scale::Names(names) => Self {
                scale: scale.clone(),
                low: -0.5,
                high: names.len() as f64 - 0.5,
                ticks: (0..).map(f64::from).zip(names.iter().cloned()).collect(),
            },
        })
    }

    /// 0 at the axis' beginning, 1 at its end; `None` for what has no place on it.
    pub fn share(&self, value: f64) -> Option<f64> {
        is_shown(&self.scale, value)
            .then(|| (placed(&self.scale, value) - self.low) / (self.high - self.low))
    }

    /// Whether a line between neighbours says anything.
    pub fn is_continuous(&self) -> bool {
        !matches!(self.scale, Scale::Names(_))
    }
}

fn is_log(scale: &Scale) -> bool {
    matches!(scale, Scale::Log | Scale::Percentiles)
}

fn is_shown(scale: &Scale, value: f64) -> bool {
    value.is_finite() && (value > 0.0 || !is_log(scale))
}

fn placed(scale: &Scale, value: f64) -> f64 {
    if is_log(scale) { value.log10() } else { value }
}

/// From 0, unless the values lie far from it.
fn linear(low: f64, high: f64) -> Frame {
    let mut low = if low > 0.0 && low < high * 0.8 {
        0.0
    } else {
        low
    };
    let mut high = high;
    if low == high {
        low = low.min(0.0);
        high = if high > low { high } else { low + 1.0 };
    }
    let step = step((high - low) / TICKS);
    let (first, last) = ((low / step).floor(), (high / step).ceil());
    let ticks = (0..=(last - first) as u32).map(|index| (first + f64::from(index)) * step);
    Frame {
        scale: Scale::Linear,
        low: first * step,
        high: last * step,
        ticks: ticks.map(|tick| (tick, with_prefix(tick))).collect(),
    }
}

/// The next of 1, 2 and 5 times a power of ten.
fn step(about: f64) -> f64 {
    let decade = 10_f64.powf(about.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * decade);
    let fits = steps.into_iter().find(|step| *step >= about * 0.999);
    fits.unwrap_or(decade * 10.0)
}

fn log(low: f64, high: f64) -> Frame {
    let decades = high.log10() - low.log10();
    let steps: &[f64] = if decades <= DECADES_WITH_STEPS {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let every = 1 + (last - first) / 8;
    let all: Vec<f64> = (first - 1..=last + 1)
        .filter(|exponent| (exponent - first).rem_euclid(every) == 0)
        .flat_map(|exponent| steps.iter().map(move |step| step * 10_f64.powi(exponent)))
        .collect();
    // 1 KiB shall end an axis at 1k: what is a little beyond a tick only moves the axis' end.
    let below = all.iter().rposition(|tick| *tick <= low * 1.1);
    let above = all.iter().position(|tick| *tick >= high * 0.9);
    let (mut below, mut above) = (below.unwrap_or(0), above.unwrap_or(all.len() - 1));
    if below == above {
        (below, above) = (below.saturating_sub(1), (above + 1).min(all.len() - 1));
    }
    Frame {
        scale: Scale::Log,
        low: low.min(all[below]).log10(),
        high: high.max(all[above]).log10(),
        ticks: all[below..=above]
            .iter()
            .map(|tick| (*tick, with_prefix(*tick)))
            .collect(),
    }
}

fn percentiles(high: f64) -> Frame {
    let end = high.log10().clamp(1.0, 9.0);
    let name = |nine: usize| match nine {
        1 => "90%".to_owned(),
        2 => "99%".to_owned(),
        _ => format!("99.{}%", "9".repeat(nine - 2)),
    };
    // 0% would touch the median.
    let mut ticks = vec![(2.0, "50%".to_owned())];
    ticks.extend((1..=end as usize).map(|nine| (10_f64.powi(nine as i32), name(nine))));
    Frame {
        scale: Scale::Percentiles,
        low: 0.0,
        high: end,
        ticks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, values: &[f64]) -> Vec<String> {
        let frame = Frame::around(&scale, values.iter().copied()).unwrap();
        for value in values {
            let share = frame.share(*value).unwrap();
            assert!((0.0..=1.0).contains(&share), "{value} at {share}");
        }
        for (tick, label) in &frame.ticks {
            let share = frame.share(*tick).unwrap();
            assert!((-1e-9..=1.0 + 1e-9).contains(&share), "{label} at {share}");
        }
        frame.ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_hold_every_value_between_them() {
        assert_eq!(
            labels(Scale::Linear, &[3.0, 97.0]),
            ["0", "20", "40", "60", "80", "100"]
        );
        assert_eq!(
            labels(Scale::Log, &[100.0, 1e6]),
            ["100", "1k", "10k", "100k", "1M"]
        );
        assert_eq!(
            labels(Scale::Log, &[3.0, 30.0]),
            ["2", "5", "10", "20", "50"]
        );
        assert_eq!(
            labels(Scale::Percentiles, &[1.0, 900.0]),
            ["50%", "90%", "99%"]
        );
        assert_eq!(labels(Scale::Log, &[100.0, 102_400.0]).len(), 4);
        assert!(labels(Scale::Log, &[1e-7, 1e12]).len() < 11);
    }

    #[test]
    fn one_value_still_makes_an_axis() {
        for value in [0.0, 5.0, 100.0, 123_456.0] {
            assert!(labels(Scale::Linear, &[value]).len() > 1, "{value}");
        }
        for value in [0.01, 5.0, 100.0] {
            assert!(labels(Scale::Log, &[value]).len() > 1, "{value}");
        }
    }

    #[test]
    fn what_has_no_logarithm_is_left_out() {
        let frame = Frame::around(&Scale::Log, [0.0, -1.0, f64::NAN, 10.0]).unwrap();
        assert_eq!(frame.share(0.0), None);
        assert!(Frame::around(&Scale::Log, [0.0]).is_none());
    }
}
