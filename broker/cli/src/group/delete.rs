//! `naru group delete`: DeleteGroups, after a question.

use clap::Args;
use naru_client::{CoordinatorKind, KafkaError};
use naru_wire::ErrorCode;
use naru_wire::api::delete_groups::DeleteGroupsRequest;
use serde::Serialize;

use crate::ask::confirm;
use crate::failure::{Failure, Outcome};
use crate::output::Report;
use crate::session::Session;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DeleteArgs {
    /// The groups to delete.
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Deleted(Vec<String>);

pub fn run(session: &mut Session, args: &DeleteArgs) -> Outcome {
    let what = match args.groups.as_slice() {
        [one] => format!("delete group {one} and its offsets"),
        several => format!("delete {} groups and their offsets", several.len()),
    };
    confirm(&what, args.yes)?;
    let mut deleted = Vec::new();
    let mut failure = None;
    for group in &args.groups {
        match delete(session, group) {
            Ok(()) => deleted.push(group.clone()),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if !deleted.is_empty() {
        session.print(&Deleted(deleted))?;
    }
    failure.map_or(Ok(()), Err)
}

fn delete(session: &mut Session, group: &str) -> Outcome {
    let request = DeleteGroupsRequest {
        groups_names: vec![group.into()],
    };
    let code_of = |code: Option<&ErrorCode>| code.copied().unwrap_or_default();
    let kind = CoordinatorKind::Group;
    let answer = session
        .cluster
        .call_coordinator(kind, group, &request, i16::MAX, |answer| {
            code_of(answer.results.first().map(|result| &result.error_code))
        });
    match answer {
        Ok(_) => Ok(()),
        Err(KafkaError::Refused {
            code: ErrorCode::GroupIdNotFound,
            ..
        }) => Err(session.no_such_group(group)),
        Err(error) => Err(Failure::from(error)),
    }
}

impl Report for Deleted {
    fn text(&self) -> String {
        self.0
            .iter()
            .map(|group| format!("{group}: deleted\n"))
            .collect()
    }
}
