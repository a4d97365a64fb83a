//! SaslHandshake (v0–v1, KIP-43), of a listener that asks nobody who they are: as Kafka answers it
//! on a PLAINTEXT listener. The error is final, so that a client that is set up for SASL says so
//! and does not try for ever.

use naru_wire::ErrorCode;
use naru_wire::api::sasl_handshake::SaslHandshakeResponse;

pub fn handle() -> SaslHandshakeResponse {
    SaslHandshakeResponse {
        error_code: ErrorCode::IllegalSaslState,
        mechanisms: Vec::new(),
    }
}
