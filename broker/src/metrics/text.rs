//! Prometheus' text format (0.0.4) and OpenMetrics 1.0, of which a scraper asks for one.
//!
//! They differ little here: OpenMetrics names a counter without `_total` where it declares it, and
//! ends with `# EOF`.

use std::fmt::{Display, Write};

use naru_runtime::Distribution;

use super::families::{Family, Kind};

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// The one that an `Accept` header asks for.
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A text that grows family by family.
pub struct Text {
    format: Format,
    out: String,
    /// What is being written; its series must come together.
    family: Option<&'static Family>,
}

impl Text {
    pub fn new(format: Format) -> Self {
        Self {
            format,
            out: String::new(),
            family: None,
        }
    }

    /// One series of a counter or gauge. `labels` are the values of the family's labels.
    pub fn value(&mut self, family: &'static Family, labels: &[&str], value: impl Display) {
        assert_ne!(
            family.kind,
            Kind::Histogram,
            "{} is a histogram",
            family.name
        );
        self.declare(family);
        self.sample(family, "", labels, None, value);
    }

    /// One series of a histogram, whose values are `scale` of the family's unit.
    pub fn distribution(
        &mut self,
        family: &'static Family,
        labels: &[&str],
        distribution: &Distribution,
        scale: f64,
    ) {
        assert_eq!(family.kind, Kind::Histogram, "{}", family.name);
        self.declare(family);
        for (bound, count) in distribution.cumulative() {
            let bound = bound as f64 * scale;
            self.sample(family, "_bucket", labels, Some(&bound), count);
        }
        let count = distribution.count();
        self.sample(family, "_bucket", labels, Some(&"+Inf"), count);
        self.sample(
            family,
            "_sum",
            labels,
            None,
            distribution.sum as f64 * scale,
        );
        self.sample(family, "_count", labels, None, count);
    }

    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }

    fn declare(&mut self, family: &'static Family) {
        if self.family == Some(family) {
            return;
        }
        self.family = Some(family);
        let name = match self.format {
            Format::Prometheus => family.name,
            Format::OpenMetrics => family.name.trim_end_matches("_total"),
        };
        let (help, kind) = (family.help, family.kind.name());
        // A String takes all that is written.
        let _ = writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(
        &mut self,
        family: &Family,
        suffix: &str,
        labels: &[&str],
        bound: Option<&dyn Display>,
        value: impl Display,
    ) {
        assert_eq!(labels.len(), family.labels.len(), "{}", family.name);
        self.out.push_str(family.name);
        self.out.push_str(suffix);
        let mut separator = '{';
        for (name, value) in family.labels.iter().zip(labels) {
            let _ = write!(self.out, "{separator}{name}=\"");
            escape(value, &mut self.out);
            self.out.push('"');
            separator = ',';
        }
        if let Some(bound) = bound {
            let _ = write!(self.out, "{separator}le=\"{bound}\"");
            separator = ',';
        }
        if separator == ',' {
            self.out.push('}');
        }
        let _ = writeln!(self.out, " {value}");
    }
}

/// A label's value as it stands between quotes.
fn escape(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use naru_runtime::Histogram;

    use super::super::families::{FLUSH_DURATION, GROUPS, RECEIVED};
    use super::*;

    fn text(format: Format) -> String {
        let flushes = Histogram::of_durations();
        flushes.record(20);
        flushes.record(1 << 40);
        let mut text = Text::new(format);
        text.value(RECEIVED, &[], 7);
        text.value(GROUPS, &["a\"b\\c\nd"], 1);
        text.value(GROUPS, &["e"], 2);
        text.distribution(FLUSH_DURATION, &[], &flushes.copy(), 1e-6);
        text.finish()
    }

    #[test]
    fn series_stand_under_one_declaration_and_labels_are_escaped() {
        let text = text(Format::Prometheus);
        let groups = "# TYPE naru_groups gauge\n\
                      naru_groups{state=\"a\\\"b\\\\c\\nd\"} 1\nnaru_groups{state=\"e\"} 2\n";
        assert!(text.contains(groups), "{text}");
        assert!(text.contains("# TYPE naru_network_received_bytes_total counter\n"));
        assert!(text.contains("\nnaru_network_received_bytes_total 7\n"));
        assert!(!text.contains("EOF"));
    }

    #[test]
    fn a_histogram_has_cumulative_buckets_in_base_units() {
        let text = text(Format::Prometheus);
        for line in [
            "naru_flush_duration_seconds_bucket{le=\"0.000016\"} 0",
            "naru_flush_duration_seconds_bucket{le=\"0.000032\"} 1",
            "naru_flush_duration_seconds_bucket{le=\"33.554432\"} 1",
            "naru_flush_duration_seconds_bucket{le=\"+Inf\"} 2",
            "naru_flush_duration_seconds_count 2",
        ] {
            assert!(text.contains(&format!("{line}\n")), "no {line} in {text}");
        }
    }

    #[test]
    fn openmetrics_declares_counters_without_their_suffix_and_says_where_it_ends() {
        let text = text(Format::OpenMetrics);
        assert!(text.contains("# TYPE naru_network_received_bytes counter\n"));
        assert!(text.contains("\nnaru_network_received_bytes_total 7\n"));
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_scraper_gets_the_format_that_it_asks_for() {
        let asked = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5,*/*;q=0.1";
        assert_eq!(Format::accepted(asked), Format::OpenMetrics);
        assert_eq!(Format::accepted("*/*"), Format::Prometheus);
    }
}
