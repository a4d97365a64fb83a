//! `naru group list`: ListGroups at every broker.

use clap::Args;
use serde::Serialize;

use crate::failure::Outcome;
use crate::output::Report;
use crate::session::Session;
use crate::table::Table;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ListArgs {
    /// Only groups in this state: Empty, Stable, PreparingRebalance, ... May be repeated.
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Listed {
    group: String,
    /// Empty where the broker is too old to say (before Kafka 2.6).
    state: String,
    /// `classic`, `consumer`, ...; empty before Kafka 3.7.
    #[serde(rename = "type")]
    kind: String,
    protocol_type: String,
    coordinator: i32,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Groups(Vec<Listed>);

pub fn run(session: &mut Session, args: &ListArgs) -> Outcome {
    let listed = session.cluster.list_groups()?.into_iter();
    let groups = listed.map(|(coordinator, group)| Listed {
        group: group.group_id.to_string(),
        state: group.group_state.to_string(),
        kind: group.group_type.to_string().to_lowercase(),
        protocol_type: group.protocol_type.to_string(),
        coordinator,
    });
    let is_wanted = |group: &Listed| {
        let mut states = args.states.iter();
        args.states.is_empty() || states.any(|state| state.eq_ignore_ascii_case(&group.state))
    };
    session.print(&Groups(groups.filter(is_wanted).collect()))
}

impl Report for Groups {
    fn text(&self) -> String {
        let mut table = Table::new(&["GROUP", "STATE", "TYPE", "PROTOCOL", "COORDINATOR"]);
        for group in &self.0 {
            table.row(vec![
                group.group.clone(),
                group.state.clone(),
                group.kind.clone(),
                group.protocol_type.clone(),
                group.coordinator.to_string(),
            ]);
        }
        table.to_string()
    }
}
