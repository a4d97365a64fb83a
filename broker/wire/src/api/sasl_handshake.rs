//! SaslHandshake: how a client means to say who it is (KIP-43).

use crate::table::{NEVER, table};
use crate::{ErrorCode, Str};

table! {
    struct SaslHandshakeRequest (SaslHandshake 0..=1, flexible NEVER) {
        mechanism: Str;
    }
}

table! {
    struct SaslHandshakeResponse (SaslHandshake 0..=1, flexible NEVER) {
        error_code: ErrorCode;
        /// What the listener takes.
        mechanisms: Vec<Str>;
    }
}
