//! The report of the size-limit study.

use super::cell::Cell as Measured;
use super::knee::{doubling, knee};
use crate::report::{Axis, Cell, Page, Plot, Series};
use crate::which_limit::{Configs, Scope, Stand, hurdles, paste};
use crate::workload::ByteSize;

fn points(cells: &[Measured], value: impl Fn(&Measured) -> Option<f64>) -> Vec<(f64, f64)> {
    let pair = |cell: &Measured| Some((cell.value_bytes as f64, value(cell)?));
    cells.iter().filter_map(pair).collect()
}

fn series(name: &str, points: Vec<(f64, f64)>) -> Series {
    Series {
        name: name.to_owned(),
        points,
        ..Default::default()
    }
}

fn plot(title: &str, y: &str, series: Vec<Series>) -> Plot {
    Plot {
        title: title.to_owned(),
        x: Axis::log("record size, bytes"),
        y: Axis::log(y),
        series,
    }
}

fn throughput(cells: &[Measured]) -> Vec<(u64, f64)> {
    cells
        .iter()
        .map(|cell| (cell.value_bytes, cell.outcome.produce.mb_per_second()))
        .collect()
}

fn small_ratios(cells: &[Measured]) -> Vec<(u64, f64)> {
    let ratio = |cell: &Measured| Some((cell.value_bytes, cell.small.p99_ratio()?));
    cells.iter().filter_map(ratio).collect()
}

/// What the study shows, in sentences.
pub(super) fn findings(cells: &[Measured]) -> Vec<String> {
    let mut findings = Vec::new();
    if let Some(size) = knee(&throughput(cells)) {
        findings.push(format!(
            "Throughput in MB/s stops growing at {}: larger records bring less than a tenth more.",
            ByteSize(size)
        ));
    }
    findings.push(match doubling(&small_ratios(cells)) {
        Some(size) => format!(
            "Beside records of {} the p99 of small records on the same broker is at least twice what it is alone.",
            ByteSize(size)
        ),
        None => "The p99 of small records on the same broker did not double beside any of these sizes.".to_owned(),
    });
    findings
}

/// The page; `refused` are sizes that the broker does not take, with the reason.
pub(super) fn page(broker: &str, cells: &[Measured], refused: &[(u64, String)]) -> String {
    let mut page = Page::new("What raising message.max.bytes costs");
    page.paragraph(&format!(
        "Broker: {broker}. For each size: a topic whose limit fits, one producer (acks=all) and one consumer of the tail, every \
         record verified; then 1 KiB records at 500 a second on another topic, alone and beside the large ones."
    ));
    for finding in findings(cells) {
        page.paragraph(&finding);
    }
    for (size, reason) in refused {
        page.paragraph(&format!("{} is not taken: {reason}", ByteSize(*size)));
    }
    page.table(&COLUMNS, cells.iter().map(row).collect());
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let ms = |us: u64| us as f64 / 1e3;
    page.plot(plot(
        "Throughput",
        "MB/s",
        vec![series(
            "produce",
            points(cells, |c| Some(c.outcome.produce.mb_per_second())),
        )],
    ));
    page.plot(plot(
        "Records",
        "records/s",
        vec![series(
            "produce",
            points(cells, |c| Some(c.outcome.produce.records_per_second())),
        )],
    ));
    page.plot(plot(
        "Latency of the records themselves",
        "ms",
        vec![
            series(
                "ack p50",
                points(cells, |c| Some(ms(c.outcome.ack_latency.as_ref()?.p50_us))),
            ),
            series(
                "ack p99",
                points(cells, |c| Some(ms(c.outcome.ack_latency.as_ref()?.p99_us))),
            ),
            series(
                "end to end p99",
                points(cells, |c| {
                    Some(ms(c.outcome.end_to_end_latency.as_ref()?.p99_us))
                }),
            ),
        ],
    ));
    page.plot(plot(
        "Peak memory",
        "MB",
        vec![
            series(
                "broker",
                points(cells, |c| Some(mb(c.outcome.broker?.rss_peak_bytes))),
            ),
            series(
                "client",
                points(cells, |c| Some(mb(c.outcome.client.rss_peak_bytes))),
            ),
        ],
    ));
    page.plot(plot(
        "Small records on the same broker, end to end",
        "p99, ms",
        vec![
            series(
                "alone",
                points(cells, |c| Some(ms(c.small.alone.as_ref()?.p99_us))),
            ),
            series(
                "beside the large ones",
                points(cells, |c| Some(ms(c.small.beside.as_ref()?.p99_us))),
            ),
        ],
    ));
    page.heading("One byte over the limit");
    for cell in cells {
        page.paragraph(&format!(
            "{}: {}",
            ByteSize(cell.value_bytes),
            cell.one_byte_over
        ));
    }
    page.heading("Settings to paste");
    page.paragraph("What has to change where everything has its default, so that a size passes at full speed (brokers with replicas: see `naru-bench which-limit`):");
    for cell in cells {
        page.paragraph(&format!("Values of up to {}:", ByteSize(cell.value_bytes)));
        page.code(&changes(cell.value_bytes));
    }
    page.render()
}

/// What has to be set for a size where everything has its default.
fn changes(value_bytes: u64) -> String {
    let defaults = Configs::new();
    let stand = Stand {
        topic: &defaults,
        broker: &defaults,
        producer: &defaults,
        consumer: &defaults,
    };
    let all = hurdles(value_bytes, None, &stand, Scope::default());
    match paste(&all, Some("TOPIC"), "HOST:9092") {
        nothing if nothing.is_empty() => "# the defaults let it pass".to_owned(),
        changes => changes,
    }
}

const COLUMNS: [&str; 11] = [
    "record size",
    "records/s",
    "MB/s",
    "ack p50, ms",
    "ack p99, ms",
    "ack p99.9, ms",
    "end to end p99, ms",
    "broker peak, MB",
    "client peak, MB",
    "small p99 alone, ms",
    "small p99 beside, ms",
];

fn row(cell: &Measured) -> Vec<Cell> {
    let number = |value: Option<f64>| Cell {
        text: value.map_or_else(String::new, |value| match value {
            large if large >= 100.0 => format!("{large:.0}"),
            small => format!("{small:.2}"),
        }),
        ..Default::default()
    };
    let ms = |us: u64| us as f64 / 1e3;
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let outcome = &cell.outcome;
    let (ack, end) = (
        outcome.ack_latency.as_ref(),
        outcome.end_to_end_latency.as_ref(),
    );
    let small = |latency: Option<&crate::outcome::Latency>| Cell {
        is_doubtful: cell.small.has_slipped,
        ..number(latency.map(|latency| ms(latency.p99_us)))
    };
    vec![
        Cell {
            text: ByteSize(cell.value_bytes).to_string(),
            is_doubtful: !outcome.is_clean(),
            ..Default::default()
        },
        number(Some(outcome.produce.records_per_second())),
        number(Some(outcome.produce.mb_per_second())),
        number(ack.map(|latency| ms(latency.p50_us))),
        number(ack.map(|latency| ms(latency.p99_us))),
        number(ack.map(|latency| ms(latency.p99_9_us))),
        number(end.map(|latency| ms(latency.p99_us))),
        number(outcome.broker.map(|usage| mb(usage.rss_peak_bytes))),
        number(Some(mb(outcome.client.rss_peak_bytes))),
        small(cell.small.alone.as_ref()),
        small(cell.small.beside.as_ref()),
    ]
}
