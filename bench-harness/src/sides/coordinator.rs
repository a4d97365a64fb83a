//! Waits until somebody coordinates: brokers make the topic for it when they are first asked.

use std::time::Duration;

use naru_runtime::Handle;
use naru_wire::ErrorCode;
use naru_wire::api::find_coordinator::FindCoordinatorRequest;

use crate::kafka::{Connection, KafkaError};

/// The last version that names one key.
const VERSION_MAX: i16 = 3;

const RETRY_AFTER: Duration = Duration::from_millis(50);
const RETRIES_MAX: u32 = 600;

/// `CoordinatorType`, of FindCoordinator.
#[derive(Clone, Copy, Debug)]
pub enum Coordinates {
    Groups = 0,
    Transactions = 1,
}

/// Waits until `key` has a coordinator.
pub async fn find_coordinator(
    handle: &Handle,
    connection: &Connection,
    what: Coordinates,
    key: &str,
) -> Result<(), KafkaError> {
    let request = FindCoordinatorRequest {
        key: key.into(),
        key_type: what as i8,
        ..Default::default()
    };
    let version = connection.version::<FindCoordinatorRequest>(VERSION_MAX)?;
    for _ in 0..RETRIES_MAX {
        let found = connection.send_in(&request, version)?.await?;
        if found.error_code == ErrorCode::CoordinatorNotAvailable {
            handle.sleep(RETRY_AFTER).await;
            continue;
        }
        let message = found.error_message.as_ref();
        return KafkaError::check(
            found.error_code,
            || format!("coordinator of {key}"),
            message,
        );
    }
    Err(KafkaError::TooLate(format!("a coordinator of {key}"), 30))
}
