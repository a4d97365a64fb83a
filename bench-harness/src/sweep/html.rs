//! The report: a table with every cell first, then plots, then where it was measured and how to
//! repeat it.

use super::layout::{Group, Layout};
use super::plan::Plan;
use super::setting::Setting;
use super::store::Run;
use super::summary::{Spread, Summary, summaries};
use crate::outcome::{Latency, Outcome};
use crate::report::{Axis, Cell, Page, Plot, Series, significant};

/// Figures of the table, and the heads of their columns.
const COLUMNS: [(&str, &str, &str); 11] = [
    ("produce", "records/s", "records/s"),
    ("produce throughput", "MB/s", "MB/s"),
    ("consume throughput", "MB/s", "consumed, MB/s"),
    ("ack p50", "ms", "ack p50, ms"),
    ("ack p99", "ms", "ack p99, ms"),
    ("ack p99.9", "ms", "ack p99.9, ms"),
    ("end-to-end p50", "ms", "end-to-end p50, ms"),
    ("end-to-end p99", "ms", "end-to-end p99, ms"),
    ("broker CPU", "s/GB", "broker CPU, s/GB"),
    ("client CPU", "s/GB", "client CPU, s/GB"),
    ("broker RSS peak", "MB", "broker RSS peak, MB"),
];

/// Figures that are drawn, and the titles of their plots.
const DRAWN: [(&str, &str, &str); 8] = [
    ("produce", "records/s", "Records produced"),
    ("produce throughput", "MB/s", "Payload produced"),
    ("consume throughput", "MB/s", "Payload consumed"),
    ("ack p50", "ms", "Acknowledgement, median"),
    ("ack p99", "ms", "Acknowledgement, p99"),
    ("end-to-end p99", "ms", "End to end, p99"),
    ("broker CPU", "s/GB", "Broker's CPU per GB"),
    ("client CPU", "s/GB", "Client's CPU per GB"),
];

type LatencyOf = fn(&Outcome) -> Option<&Latency>;

const CURVES: [(&str, LatencyOf); 2] = [
    ("Acknowledgement", |run| run.ack_latency.as_ref()),
    ("End to end", |run| run.end_to_end_latency.as_ref()),
];

pub(super) fn report(plan: &Plan, setting: &Setting, runs: &[Run]) -> String {
    let summaries = summaries(plan, runs);
    let layout = Layout::new(plan);
    let keys: Vec<&str> = plan.axes.iter().map(|axis| axis.key.as_str()).collect();
    let mut page = Page::new(format!("Sweep over {}", keys.join(" × ")));
    page.paragraph(&format!(
        "Cells: {}, rounds: {}; {} of {} runs done. Medians of the rounds; small, and as whiskers, the lowest and the \
         highest. Every round ran all cells in an order of its own.",
        plan.cells.len(),
        plan.rounds,
        runs.len(),
        plan.cells.len() * plan.rounds as usize
    ));
    table(&mut page, &keys, &summaries);
    if summaries.iter().any(|summary| !summary.faults().is_empty()) {
        page.paragraph("In brackets: what may not hold; the last column says why.");
    }
    plots(&mut page, &layout, &summaries);
    curves(&mut page, &layout, &summaries);
    bounds(&mut page, setting, &keys, &summaries);
    page.heading("Where and how");
    let facts = setting.facts().into_iter();
    let facts = facts.map(|(name, value)| vec![name.into(), value.into()]);
    page.table(&["", ""], facts.collect());
    page.paragraph("What the cells share, and the plan:");
    page.code(&plan_text(plan));
    page.render()
}

fn table(page: &mut Page, keys: &[&str], summaries: &[Summary<'_>]) {
    let columns: Vec<_> = COLUMNS
        .iter()
        .filter(|(name, unit, _)| summaries.iter().any(|s| s.figure(name, unit).is_some()))
        .collect();
    let has_faults = summaries.iter().any(|summary| !summary.faults().is_empty());
    let mut heads: Vec<&str> = keys.to_vec();
    heads.extend(columns.iter().map(|(_, _, head)| *head));
    if has_faults {
        heads.push("not as it should be");
    }
    let row = |summary: &Summary<'_>| {
        let mut row: Vec<Cell> = summary.cell.values.iter().map(Cell::from).collect();
        row.extend(
            columns
                .iter()
                .map(|(name, unit, _)| summary.figure(name, unit).map_or("–".into(), spread_cell)),
        );
        if has_faults {
            row.push(Cell {
                is_doubtful: true,
                ..summary.faults().into()
            });
        }
        row
    };
    page.table(&heads, summaries.iter().map(row).collect());
}

/// In brackets what may not hold.
fn spread_cell(spread: &Spread) -> Cell {
    let median = significant(spread.median);
    let has_spread = spread.low < spread.high;
    Cell {
        text: if spread.is_doubtful {
            format!("({median})")
        } else {
            median
        },
        note: if has_spread {
            format!("{} – {}", significant(spread.low), significant(spread.high))
        } else {
            String::new()
        },
        is_doubtful: spread.is_doubtful,
    }
}

/// One grid of all figures; with further axes, a grid for each figure.
fn plots(page: &mut Page, layout: &Layout<'_>, summaries: &[Summary<'_>]) {
    let groups = layout.plots();
    let has_grids = groups.len() > 1;
    if !has_grids {
        page.heading("Figures");
    }
    for (name, unit, title) in DRAWN {
        let all = summaries.iter().filter_map(|s| s.figure(name, unit));
        let ends: Vec<f64> = all.flat_map(|spread| [spread.low, spread.high]).collect();
        if ends.is_empty() {
            continue;
        }
        if has_grids {
            page.heading(title);
        }
        for group in &groups {
            let series = layout.series(group).into_iter();
            page.plot(Plot {
                title: titled(title, &group.name),
                x: layout.x_axis(),
                y: Axis::fitting(unit, ends.clone()),
                series: series
                    .map(|series| figure_series(layout, summaries, &series, (name, unit)))
                    .collect(),
            });
        }
    }
}

fn titled(title: &str, group: &str) -> String {
    if group.is_empty() {
        title.to_owned()
    } else {
        format!("{title}, {group}")
    }
}

fn figure_series(
    layout: &Layout<'_>,
    summaries: &[Summary<'_>],
    group: &Group,
    (name, unit): (&str, &str),
) -> Series {
    let mut series = Series::new(named(&group.name), Vec::new());
    let mut low_high = Vec::new();
    for index in &group.cells {
        let summary = &summaries[*index];
        let Some(spread) = summary.figure(name, unit) else {
            continue;
        };
        if spread.is_doubtful {
            series.doubtful.push(series.points.len());
        }
        series
            .points
            .push((layout.place(summary.cell), spread.median));
        low_high.push((spread.low, spread.high));
    }
    series.low_high = Some(low_high);
    series
}

fn named(group: &str) -> &str {
    if group.is_empty() { "median" } else { group }
}

/// A plot for each series, with a curve for each place across.
fn curves(page: &mut Page, layout: &Layout<'_>, summaries: &[Summary<'_>]) {
    let mut is_first = true;
    for (title, latency) in CURVES {
        for plot in layout.plots() {
            for group in layout.series(&plot) {
                let series: Vec<Series> = group
                    .cells
                    .iter()
                    .filter_map(|index| curve(layout, &summaries[*index], latency))
                    .collect();
                if series.is_empty() {
                    continue;
                }
                if is_first {
                    page.heading("Latencies");
                    page.paragraph("The round whose p99 is the median. Every nine further takes the same room.");
                    is_first = false;
                }
                let values = series.iter().flat_map(|one| &one.points);
                let values: Vec<f64> = values.map(|(_, ms)| *ms).collect();
                page.plot(Plot {
                    title: titled(&titled(title, &group.name), &plot.name),
                    x: Axis::new("percentile", crate::report::Scale::Percentiles),
                    y: Axis::fitting("ms", values),
                    series,
                });
            }
        }
    }
}

fn curve(layout: &Layout<'_>, summary: &Summary<'_>, latency: LatencyOf) -> Option<Series> {
    let run = summary.middle(|run| latency(run).map(|latency| latency.p99_us))?;
    let latency = latency(run)?;
    // The largest of n values is where 1/n of them are above.
    let last = (latency.count as f64).max(1.0);
    let points = latency.curve.iter().map(|(percentile, us)| {
        let share = 1.0 - percentile / 100.0;
        (last.min(1.0 / share.max(1e-12)), *us as f64 / 1000.0)
    });
    let mut series = Series::new(layout.place_name(summary.cell), points.collect());
    if !run.is_clean() || run.has_slipped() {
        series.doubtful = (0..series.points.len()).collect();
    }
    Some(series)
}

fn bounds(page: &mut Page, setting: &Setting, keys: &[&str], summaries: &[Summary<'_>]) {
    page.heading("Against the machine's limits");
    let Some(limits) = &setting.limits else {
        page.paragraph(
            "Not measured here before the sweep began: `naru-bench limits --dir DIR` does.",
        );
        return;
    };
    let all: Vec<Vec<(String, String)>> = summaries.iter().map(|s| s.bounds(limits)).collect();
    let mut figures: Vec<&str> = Vec::new();
    for (figure, _) in all.iter().flatten() {
        if !figures.contains(&figure.as_str()) {
            figures.push(figure);
        }
    }
    if figures.is_empty() {
        page.paragraph("The broker was not seen to run on this machine.");
        return;
    }
    let rows = summaries.iter().zip(&all).map(|(summary, bounds)| {
        let bound = |figure: &&str| {
            let mut bounds = bounds.iter();
            let found = bounds.find(|(name, _)| name == figure);
            Cell::from(found.map_or("–", |(_, text)| text.as_str()))
        };
        let values = summary.cell.values.iter().map(Cell::from);
        values.chain(figures.iter().map(bound)).collect()
    });
    let rows = rows.collect();
    let heads: Vec<&str> = keys.iter().chain(&figures).copied().collect();
    page.table(&heads, rows);
}

/// As a file that repeats the sweep.
fn plan_text(plan: &Plan) -> String {
    let line = |(key, value): (&String, &serde_json::Value)| format!("{key} = {value}\n");
    let base = serde_json::to_value(&plan.base).unwrap_or_default();
    let base: String = base.as_object().into_iter().flatten().map(line).collect();
    let axes: String = plan
        .axes
        .iter()
        .map(|axis| line((&axis.key, &axis.values.clone().into())))
        .collect();
    format!(
        "rounds = {}\nseed = {}\n\n[base]\n{base}\n[axes]\n{axes}",
        plan.rounds, plan.seed
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Schedule;
    use crate::report::tests::assert_balanced;
    use crate::sweep::plan::tests::{SIX_CELLS, plan};
    use crate::sweep::summary::tests::runs;

    #[test]
    fn every_cell_is_in_the_table_and_in_the_plots() {
        let plan = plan(SIX_CELLS).unwrap();
        let html = report(&plan, &Setting::default(), &runs(&plan));
        assert_balanced(&html);
        for cell in &plan.cells {
            let start = format!("<td class=\"number\">{}</td><td", cell.values[0]);
            assert!(html.contains(&start), "{start}");
        }
        assert_eq!(html.matches("2,000<small>1,000 – 5,000").count(), 6);
        for title in [
            "Records produced",
            "Payload produced",
            "Broker's CPU per GB",
        ] {
            assert!(html.contains(&format!("<h3>{title}</h3>")), "{title}");
        }
        for series in ["acks=1", "acks=all"] {
            let point = format!("{series}\nsize, B: 1,024\nrecords/s: 2,000 (1,000 to 5,000)");
            assert!(html.contains(&point), "{point}");
            assert!(html.contains(&format!("<h3>Acknowledgement, {series}</h3>")));
        }
    }

    #[test]
    fn further_axes_make_plots_side_by_side_that_share_their_scale() {
        let plan = plan(&format!("{SIX_CELLS}partitions = [1, 4]\n")).unwrap();
        let mut runs = runs(&plan);
        for run in &mut runs {
            if run.cell.ends_with("partitions=4") {
                run.outcome.produce.records *= 1000;
            }
        }
        let html = report(&plan, &Setting::default(), &runs);
        assert_balanced(&html);
        let figures: Vec<&str> = html.split("<figure").collect();
        for partitions in ["partitions=1", "partitions=4"] {
            let title = format!("<h3>Records produced, {partitions}</h3>");
            let figure = figures.iter().find(|figure| figure.contains(&title));
            let figure = figure.unwrap();
            assert!(figure.contains(">1k</text>") && figure.contains(">1M</text>"));
        }
    }

    #[test]
    fn what_does_not_hold_is_marked_in_table_and_plot() {
        let plan = plan(SIX_CELLS).unwrap();
        let mut runs = runs(&plan);
        let clean = report(&plan, &Setting::default(), &runs);
        assert!(!clean.contains("class=\"marker hollow") && !clean.contains("not as it should be"));
        for run in runs
            .iter_mut()
            .filter(|run| run.cell == "size=1KiB acks=all")
        {
            run.outcome.schedule = Some(Schedule {
                has_slipped: true,
                ..Schedule::default()
            });
        }
        let html = report(&plan, &Setting::default(), &runs);
        assert!(html.contains("schedule slipped in 3 of 3 runs: percentiles do not hold"));
        // ack p50, p99 and p99.9 in the table; p50 and p99 drawn, and the curve.
        assert_eq!(html.matches("number doubtful\">(").count(), 3);
        assert_eq!(html.matches("class=\"marker hollow").count(), 2 + 5);
        assert_eq!(html.matches("line doubtful").count(), 1);
    }

    #[test]
    fn an_unfinished_sweep_says_so() {
        let plan = plan(SIX_CELLS).unwrap();
        let html = report(&plan, &Setting::default(), &[]);
        assert_balanced(&html);
        assert!(html.contains("0 of 18 runs done"));
        assert_eq!(html.matches("not run yet").count(), 6);
    }

    #[test]
    fn the_plan_on_the_page_repeats_the_sweep() {
        let before = plan(SIX_CELLS).unwrap();
        let after = plan(&plan_text(&before)).unwrap();
        let text = |plan: &Plan| serde_json::to_string(plan).unwrap();
        assert_eq!(text(&after), text(&before));
    }
}
