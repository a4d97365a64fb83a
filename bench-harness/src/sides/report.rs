//! [`Measured`]: the figures of all sides and rounds, as a table and as JSON.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::SidesArgs;
use crate::brokers::{BrokerError, PlaceError};
use crate::interrupt;
use crate::kafka::KafkaError;
use crate::measure::Environment;
use crate::outcome::{Better, Figure};
use crate::report::significant;
use crate::stats::{Ratio, median};

/// The chance that an interval misses the truth.
const ALPHA: f64 = 0.05;

#[derive(Debug, thiserror::Error)]
pub enum SidesError {
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error("{what}: {source}")]
    Io {
        what: String,
        source: std::io::Error,
    },
    #[error("interrupted")]
    Interrupted,
    #[error("{0}")]
    Unfit(String),
}

impl SidesError {
    /// What an I/O error happened to.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

pub fn figure(name: &str, unit: &str, better: Better, value: f64) -> Figure {
    Figure {
        name: name.to_owned(),
        unit: unit.to_owned(),
        value,
        better,
    }
}

/// What one run on one side has shown.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sample {
    pub figures: Vec<Figure>,
    /// What went wrong, in words.
    pub faults: Vec<String>,
}

impl Sample {
    /// The figure of this name and unit, if the run has it.
    fn value(&self, figure: &Figure) -> Option<f64> {
        let is_it = |other: &&Figure| other.name == figure.name && other.unit == figure.unit;
        self.figures.iter().find(is_it).map(|found| found.value)
    }
}

#[derive(Debug, Serialize)]
struct Side {
    name: String,
    /// The side that its ratios are taken to, by its place; its own place for none.
    against: usize,
    rounds: Vec<Sample>,
}

#[derive(Debug, Default, Serialize)]
pub struct Measured {
    sides: Vec<Side>,
}

impl Measured {
    /// Each side as its name, and the place of the side that it is held against.
    pub fn new(sides: impl IntoIterator<Item = (String, usize)>) -> Self {
        let side = |(name, against)| Side {
            name,
            against,
            rounds: Vec::new(),
        };
        Self {
            sides: sides.into_iter().map(side).collect(),
        }
    }

    /// Measures every side in every round, the order turned from round to round. The first
    /// `rounds_warm` rounds are not kept.
    pub fn run(
        &mut self,
        args: &SidesArgs,
        rounds_warm: usize,
        mut measure: impl FnMut(usize) -> Result<Sample, SidesError>,
    ) -> Result<(), SidesError> {
        let begun = Instant::now();
        let mut longest = Duration::ZERO;
        for round in 0..rounds_warm + args.rounds {
            let is_late = |max: Duration| begun.elapsed() + longest > max;
            if round > rounds_warm && args.time_max.is_some_and(|max| is_late(max.0)) {
                println!("no time for more than {} rounds", round - rounds_warm);
                break;
            }
            let round_begun = Instant::now();
            let mut order: Vec<usize> = (0..self.sides.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for index in order {
                if interrupt::is_requested() {
                    return Err(SidesError::Interrupted);
                }
                eprintln!("round {round}: {}", self.sides[index].name);
                let sample = measure(index)?;
                for fault in &sample.faults {
                    eprintln!("  {fault}");
                }
                if round >= rounds_warm {
                    self.sides[index].rounds.push(sample);
                }
            }
            longest = longest.max(round_begun.elapsed());
        }
        Ok(())
    }

    /// Medians of every side, and the ratios to the side that each is held against.
    pub fn table(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail; hence `let _` here and below.
        let _ = write!(out, "{:44}", "");
        for (index, side) in self.sides.iter().enumerate() {
            let _ = write!(out, " {:>14}", side.name);
            if side.against != index {
                let ratio = format!("/ {}", self.sides[side.against].name);
                let _ = write!(out, " {ratio:>20}");
            }
        }
        out.push('\n');
        for figure in self.figures() {
            let _ = write!(out, "{:44}", format!("{}, {}", figure.name, figure.unit));
            for (index, side) in self.sides.iter().enumerate() {
                let values = self.values(index, &figure);
                let shown = match values.is_empty() {
                    true => "–".into(),
                    false => significant(median(&values)),
                };
                let _ = write!(out, " {shown:>14}");
                if side.against != index {
                    let ratio = self.ratio(index, &figure);
                    let _ = write!(out, " {ratio:>20}");
                }
            }
            out.push('\n');
        }
        out
    }

    fn ratio(&self, index: usize, figure: &Figure) -> String {
        let base = self.values(self.sides[index].against, figure);
        let values = self.values(index, figure);
        // Pairs are those of one round.
        if base.len() != values.len() {
            return "–".into();
        }
        let Some(ratio) = Ratio::of(&base, &values, ALPHA) else {
            return "–".into();
        };
        match ratio.interval {
            Some(at) => format!("{:.2} ({:.2}–{:.2})", ratio.estimate, at.low, at.high),
            None => format!("{:.2}", ratio.estimate),
        }
    }

    fn values(&self, index: usize, figure: &Figure) -> Vec<f64> {
        let rounds = self.sides[index].rounds.iter();
        rounds.filter_map(|sample| sample.value(figure)).collect()
    }

    /// Every figure that some run has, in the order in which they came.
    fn figures(&self) -> Vec<Figure> {
        let mut figures: Vec<Figure> = Vec::new();
        for sample in self.sides.iter().flat_map(|side| &side.rounds) {
            for figure in &sample.figures {
                let is_it = |other: &Figure| other.name == figure.name && other.unit == figure.unit;
                if !figures.iter().any(is_it) {
                    figures.push(figure.clone());
                }
            }
        }
        figures
    }

    fn faults(&self) -> Vec<String> {
        let of = |side: &Side| {
            let faults = side.rounds.iter().flat_map(|sample| sample.faults.clone());
            let mut faults: Vec<String> = faults
                .map(|fault| format!("{}: {fault}", side.name))
                .collect();
            faults.dedup();
            faults
        };
        self.sides.iter().flat_map(of).collect()
    }

    /// Prints all, and writes it where `--json` says. Succeeds unless something went wrong.
    pub fn finish(&self, args: &SidesArgs) -> Result<ExitCode, SidesError> {
        print!("{}", self.table());
        let faults = self.faults();
        for fault in &faults {
            println!("not clean: {fault}");
        }
        if let Some(path) = &args.json {
            self.write(path, &args.place.dir()?)?;
        }
        Ok(match faults.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    fn write(&self, path: &Path, place: &Path) -> Result<(), SidesError> {
        #[derive(Serialize)]
        struct Report<'a> {
            environment: Environment,
            #[serde(flatten)]
            measured: &'a Measured,
        }
        let report = Report {
            environment: Environment::of(place),
            measured: self,
        };
        let text = serde_json::to_string_pretty(&report).map_err(std::io::Error::from);
        text.and_then(|text| std::fs::write(path, text + "\n"))
            .map_err(SidesError::io(path.display().to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(value: f64) -> Sample {
        Sample {
            figures: vec![figure("rate", "1/s", Better::Higher, value)],
            faults: Vec::new(),
        }
    }

    #[test]
    fn each_side_is_held_against_the_one_that_it_names() {
        let sides = [("a", 0), ("b", 0), ("c", 1)];
        let mut measured = Measured::new(sides.map(|(name, at)| (name.to_owned(), at)));
        for round in 1..=6 {
            for (side, factor) in [(0, 1.0), (1, 2.0), (2, 6.0)] {
                let value = f64::from(round) * factor;
                measured.sides[side].rounds.push(sample(value));
            }
        }
        let table = measured.table();
        assert!(table.contains("2.00 (2.00–2.00)"), "{table}");
        assert!(table.contains("3.00 (3.00–3.00)"), "{table}");
        assert!(!table.contains("6.00"), "{table}");
    }

    #[test]
    fn a_figure_that_a_side_lacks_has_no_ratio_and_a_fault_is_said_once() {
        let sides = [("a", 0), ("b", 0)];
        let mut measured = Measured::new(sides.map(|(name, at)| (name.to_owned(), at)));
        measured.sides[0].rounds.push(sample(1.0));
        let failed = Sample {
            faults: vec!["2 records lost".into()],
            ..Sample::default()
        };
        measured.sides[1].rounds = vec![failed.clone(), failed];
        assert_eq!(measured.faults(), ["b: 2 records lost"]);
        assert_eq!(measured.table().matches('–').count(), 2);
    }
}
