//! DescribeClientQuotas and AlterClientQuotas (v0–v1, KIP-546), of a broker that has no quotas.
//!
//! Naru throttles nobody. A quota that would be kept and not obeyed is worse than a refusal, so
//! setting one is refused; taking one away succeeds, as it does in Kafka where there is none.

use std::collections::BTreeSet;

use naru_wire::api::alter_client_quotas::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, EntityData, EntryData, EntryResult,
};
use naru_wire::api::describe_client_quotas::{
    ComponentData, DescribeClientQuotasRequest, DescribeClientQuotasResponse,
};
use naru_wire::{ErrorCode, Str};

use super::dispatch::{Context, Turns};

const USER: &str = "user";
const CLIENT_ID: &str = "client-id";
const IP: &str = "ip";

/// What Kafka has quotas of.
const KEYS: [&str; 5] = [
    "connection_creation_rate",
    "consumer_byte_rate",
    "controller_mutation_rate",
    "producer_byte_rate",
    "request_percentage",
];

/// `ComponentData.MatchType`
const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const SPECIFIED: i8 = 2;

type Refused = (ErrorCode, String);

fn invalid<T>(message: impl Into<String>) -> Result<T, Refused> {
    Err((ErrorCode::InvalidRequest, message.into()))
}

pub fn describe(request: &DescribeClientQuotasRequest) -> DescribeClientQuotasResponse {
    match check_filter(&request.components) {
        Ok(()) => DescribeClientQuotasResponse::default(),
        Err((error_code, message)) => DescribeClientQuotasResponse {
            error_code,
            error_message: Some(Str::from(message)),
            entries: None,
            ..Default::default()
        },
    }
}

fn check_filter(components: &[ComponentData]) -> Result<(), Refused> {
    let mut types = BTreeSet::new();
    for component in components {
        let entity_type = &*component.entity_type;
        if entity_type.is_empty() {
            return invalid("Invalid empty entity type.");
        }
        if !matches!(entity_type, USER | CLIENT_ID | IP) {
            let message = format!("Unsupported entity type {entity_type}");
            return Err((ErrorCode::UnsupportedVersion, message));
        }
        if !types.insert(entity_type) {
            return invalid(format!(
                "Entity type {entity_type} cannot appear more than once in the filter."
            ));
        }
        match (component.match_type, &component.r#match) {
            (EXACT, Some(_)) | (DEFAULT | SPECIFIED, None) => {}
            (EXACT, None) => {
                return invalid(
                    "Request specified MATCH_TYPE_EXACT, but set match string to null.",
                );
            }
            (kind @ (DEFAULT | SPECIFIED), Some(_)) => {
                let kind = if kind == DEFAULT {
                    "DEFAULT"
                } else {
                    "SPECIFIED"
                };
                return invalid(format!(
                    "Request specified MATCH_TYPE_{kind}, but also specified a match string."
                ));
            }
            (other, _) => return invalid(format!("Unknown match type {other}")),
        }
    }
    if types.contains(IP) && types.len() > 1 {
        return invalid(
            "Invalid entity filter component combination. IP filter component should not be used \
             with user or clientId filter component.",
        );
    }
    Ok(())
}

pub async fn alter(
    context: &Context,
    request: AlterClientQuotasRequest,
) -> AlterClientQuotasResponse {
    let mut entries = Vec::with_capacity(request.entries.len());
    let mut turns = Turns::of(context);
    for entry in request.entries {
        turns.take(1 + entry.ops.len()).await;
        let (error_code, message) = match check_entry(&entry) {
            Ok(()) => (ErrorCode::None, None),
            Err((code, message)) => (code, Some(Str::from(message))),
        };
        entries.push(EntryResult {
            error_code,
            error_message: message,
            entity: entry.entity,
        });
    }
    AlterClientQuotasResponse {
        entries,
        ..Default::default()
    }
}

fn check_entry(entry: &EntryData) -> Result<(), Refused> {
    check_entity(&entry.entity)?;
    if let Some(op) = entry.ops.iter().find(|op| !KEYS.contains(&&*op.key)) {
        return invalid(format!("Invalid configuration key {}", op.key));
    }
    match entry.ops.iter().find(|op| !op.remove) {
        None => Ok(()),
        Some(op) => Err((
            ErrorCode::UnsupportedVersion,
            format!("Naru has no quotas: {} is not set", op.key),
        )),
    }
}

fn check_entity(entity: &[EntityData]) -> Result<(), Refused> {
    if entity.is_empty() {
        return invalid("Invalid empty client quota entity");
    }
    for one in entity {
        if !matches!(&*one.entity_type, USER | CLIENT_ID | IP) {
            return invalid(format!(
                "Unhandled client quota entity type: {}",
                one.entity_type
            ));
        }
        if one.entity_name.as_ref().is_some_and(|name| name.is_empty()) {
            return invalid(format!("Empty {} not supported", one.entity_type));
        }
    }
    let has_ip = entity.iter().any(|one| &*one.entity_type == IP);
    if has_ip && entity.iter().any(|one| &*one.entity_type != IP) {
        return invalid(
            "Invalid quota entity combination, IP entity should not be combined with User or \
             ClientId",
        );
    }
    Ok(())
}
