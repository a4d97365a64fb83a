//! A comparison as lines for a person.

use std::fmt::Write;

use super::rounds::FigureComparison;
use crate::stats::Ratio;

/// Medians, ratio with its interval, and what that shows.
pub(super) fn table(names: (&str, &str), figures: &[FigureComparison]) -> String {
    let mut out = String::new();
    let (a, b) = names;
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "{:34} {a:>12} {b:>12} {:>9} {:>17}",
        "",
        format!("{b}/{a}"),
        "95% interval"
    );
    for figure in figures {
        let name = format!("{}, {}", figure.name, figure.unit);
        let mut verdict = match &figure.ratio {
            Some(ratio) if ratio.interval.is_none() => "too few rounds".to_owned(),
            Some(_) => format!("{b} {}", figure.verdict.words()),
            None => "not to be compared".to_owned(),
        };
        if figure.slipped_pairs > 0 {
            let _ = write!(
                verdict,
                " ({} pairs slipped, left out)",
                figure.slipped_pairs
            );
        }
        let verdict = verdict.replace(&format!("{b} no difference"), "no difference");
        let _ = writeln!(
            out,
            "{name:34} {:>12} {:>12} {:>27}  {verdict}",
            number(figure.a_median),
            number(figure.b_median),
            figure.ratio.as_ref().map_or_else(String::new, ratio_text),
        );
    }
    out
}

fn ratio_text(ratio: &Ratio) -> String {
    match ratio.interval {
        Some(interval) => format!(
            "{:9.3} {:>17}",
            ratio.estimate,
            format!("{:.3} to {:.3}", interval.low, interval.high)
        ),
        None => format!("{:9.3} {:>17}", ratio.estimate, ""),
    }
}

/// Four significant digits at least.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 1000.0 => format!("{value:.0}"),
        large if large >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
