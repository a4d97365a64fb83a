//! DescribeUserScramCredentials and AlterUserScramCredentials (v0, KIP-554), of a broker whose
//! listeners ask nobody who they are: there are no credentials, and none can be made.

use std::collections::BTreeMap;

use naru_wire::api::alter_user_scram_credentials::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse,
    AlterUserScramCredentialsResult,
};
use naru_wire::api::describe_user_scram_credentials::{
    DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
    DescribeUserScramCredentialsResult,
};
use naru_wire::{ErrorCode, Str};

/// `ScramMechanism`: SHA-256 and SHA-512, and the fewest and the most iterations of either.
const MECHANISMS: [(i8, i32); 2] = [(1, 4096), (2, 4096)];
const ITERATIONS_MAX: i32 = 16384;

pub fn describe(
    request: &DescribeUserScramCredentialsRequest,
) -> DescribeUserScramCredentialsResponse {
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    for user in request.users.iter().flatten() {
        *asked.entry(&user.name).or_default() += 1;
    }
    let results = asked.into_iter().map(|(user, times)| {
        let (error_code, message) = if times > 1 {
            let message = format!(
                "Cannot describe SCRAM credentials for the same user twice in a single request: \
                 {user}"
            );
            (ErrorCode::DuplicateResource, message)
        } else {
            let message =
                format!("Attempt to describe a user credential that does not exist: {user}");
            (ErrorCode::ResourceNotFound, message)
        };
        DescribeUserScramCredentialsResult {
            user: user.into(),
            error_code,
            error_message: Some(Str::from(message)),
            ..Default::default()
        }
    });
    DescribeUserScramCredentialsResponse {
        results: results.collect(),
        ..Default::default()
    }
}

/// One answer for each user, the first thing that is wrong.
pub fn alter(request: &AlterUserScramCredentialsRequest) -> AlterUserScramCredentialsResponse {
    let mut results: BTreeMap<&str, (ErrorCode, &'static str)> = BTreeMap::new();
    for deletion in &request.deletions {
        let refused = check(&deletion.name, deletion.mechanism).unwrap_or((
            ErrorCode::ResourceNotFound,
            "Attempt to delete a user credential that does not exist",
        ));
        results.entry(&deletion.name).or_insert(refused);
    }
    for upsertion in &request.upsertions {
        let refused = check(&upsertion.name, upsertion.mechanism)
            .or_else(|| check_iterations(upsertion.mechanism, upsertion.iterations))
            .unwrap_or((
                ErrorCode::UnsupportedSaslMechanism,
                "Naru has no users: its listeners ask nobody who they are",
            ));
        results.entry(&upsertion.name).or_insert(refused);
    }
    let results = results.into_iter();
    AlterUserScramCredentialsResponse {
        results: results
            .map(
                |(user, (error_code, message))| AlterUserScramCredentialsResult {
                    user: user.into(),
                    error_code,
                    error_message: Some(Str::from(message)),
                },
            )
            .collect(),
        ..Default::default()
    }
}

fn check(user: &str, mechanism: i8) -> Option<(ErrorCode, &'static str)> {
    if user.is_empty() {
        return Some((
            ErrorCode::UnacceptableCredential,
            "Username must not be empty",
        ));
    }
    let is_known = MECHANISMS.iter().any(|(code, _)| *code == mechanism);
    (!is_known).then_some((
        ErrorCode::UnsupportedSaslMechanism,
        "Unknown SCRAM mechanism",
    ))
}

fn check_iterations(mechanism: i8, iterations: i32) -> Option<(ErrorCode, &'static str)> {
    let (_, min) = MECHANISMS.iter().find(|(code, _)| *code == mechanism)?;
    let message = if iterations < *min {
        "Too few iterations"
    } else if iterations > ITERATIONS_MAX {
        "Too many iterations"
    } else {
        return None;
    };
    Some((ErrorCode::UnacceptableCredential, message))
}
