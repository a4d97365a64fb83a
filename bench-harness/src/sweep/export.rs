//! The runs for other programs: CSV, one line a run, and JSON, everything.

use serde::Serialize;

use super::plan::Plan;
use super::setting::Setting;
use super::store::{Run, SCHEMA_VERSION};
use crate::report::csv;

/// The values of the axes, what went wrong, and every figure that any run has; empty where a run
/// has not.
pub(super) fn results_csv(plan: &Plan, runs: &[Run]) -> String {
    let mut columns: Vec<String> = plan.axes.iter().map(|axis| axis.key.clone()).collect();
    columns.extend(
        [
            "round",
            "started_ms",
            "clean",
            "slipped",
            "checked",
            "lost",
            "doubled",
            "reordered",
            "damaged",
            "errors",
        ]
        .map(String::from),
    );
    let mut figures: Vec<String> = Vec::new();
    for figure in runs.iter().flat_map(|run| run.outcome.figures()) {
        let name = column(&figure.name, &figure.unit);
        if !figures.contains(&name) {
            figures.push(name);
        }
    }
    let rows: Vec<Vec<String>> = runs.iter().map(|run| row(plan, run, &figures)).collect();
    columns.extend(figures);
    csv(&columns, &rows)
}

fn column(name: &str, unit: &str) -> String {
    format!("{name} [{unit}]")
}

fn row(plan: &Plan, run: &Run, figures: &[String]) -> Vec<String> {
    let cell = plan.cells.iter().find(|cell| plan.name(cell) == run.cell);
    let mut row = cell.map_or_else(
        || vec![String::new(); plan.axes.len()],
        |cell| cell.values.clone(),
    );
    let outcome = &run.outcome;
    let found = outcome.verification;
    row.extend([
        run.round.to_string(),
        outcome.started_ms.to_string(),
        outcome.is_clean().to_string(),
        outcome.has_slipped().to_string(),
        found.checked.to_string(),
        found.lost.to_string(),
        found.doubled.to_string(),
        found.reordered.to_string(),
        found.damaged.to_string(),
        outcome
            .errors
            .iter()
            .map(|(error, count)| format!("{error}: {count}"))
            .collect::<Vec<_>>()
            .join("; "),
    ]);
    let values = outcome.figures();
    row.extend(figures.iter().map(|name| {
        let mut values = values.iter();
        values
            .find(|figure| column(&figure.name, &figure.unit) == *name)
            .map_or_else(String::new, |figure| figure.value.to_string())
    }));
    row
}

/// # Errors
/// None that a plan and runs which were read from JSON could cause.
pub(super) fn results_json(
    plan: &Plan,
    setting: &Setting,
    runs: &[Run],
) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Results<'a> {
        schema_version: u32,
        #[serde(flatten)]
        setting: &'a Setting,
        plan: &'a Plan,
        runs: &'a [Run],
    }
    serde_json::to_string_pretty(&Results {
        schema_version: SCHEMA_VERSION,
        setting,
        plan,
        runs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::plan::tests::{SIX_CELLS, plan};
    use crate::sweep::summary::tests::runs;

    #[test]
    fn a_line_has_the_axes_the_faults_and_every_figure() {
        let plan = plan(&SIX_CELLS.replace("[1, \"all\"]", "[0, \"all\"]")).unwrap();
        let mut runs = runs(&plan);
        runs[3].outcome.errors = vec![("NOT_LEADER, again".into(), 2)];
        let text = results_csv(&plan, &runs);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + 18);
        assert!(lines[0].starts_with("size,acks,round,started_ms,clean,slipped,checked,lost,"));
        for figure in ["produce [records/s]", "ack p99 [ms]", "broker CPU [s/GB]"] {
            assert!(
                lines[0].split(',').any(|column| column == figure),
                "{figure}"
            );
        }
        let columns = lines[0].split(',').count();
        for (line, run) in lines[1..].iter().zip(&runs) {
            let fields = line.replace("NOT_LEADER, again", "").split(',').count();
            assert_eq!(fields, columns, "{line}");
            let values: Vec<&str> = line.split(',').collect();
            assert_eq!(run.cell, format!("size={} acks={}", values[0], values[1]));
        }
        assert!(lines[4].contains(",false,false,") && lines[4].contains("again: 2\""));
        // acks=0 has no latency: its fields are empty, not 0.
        let unacked = lines.iter().find(|line| line.contains(",0,1,")).unwrap();
        assert!(unacked.contains(",,,"), "{unacked}");
    }

    #[test]
    fn json_has_a_version_the_environment_and_every_run() {
        let plan = plan(SIX_CELLS).unwrap();
        let text = results_json(&plan, &Setting::default(), &runs(&plan)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["schema_version"], SCHEMA_VERSION);
        assert!(json["environment"]["kernel"].is_string());
        assert_eq!(json["runs"].as_array().unwrap().len(), 18);
        let runs: Vec<Run> = serde_json::from_value(json["runs"].clone()).unwrap();
        assert_eq!(runs[0].outcome.produce.records, 1000);
    }
}
