//! AlterUserScramCredentials: sets and removes credentials of users (KIP-554).

use bytes::Bytes;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct AlterUserScramCredentialsRequest (AlterUserScramCredentials 0..=0, flexible 0) {
        deletions: Vec<ScramCredentialDeletion>;
        upsertions: Vec<ScramCredentialUpsertion>;
    }

    struct ScramCredentialDeletion {
        name: Str;
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        mechanism: i8;
    }

    struct ScramCredentialUpsertion {
        name: Str;
        mechanism: i8;
        iterations: i32;
        salt: Bytes;
        salted_password: Bytes;
    }
}

table! {
    struct AlterUserScramCredentialsResponse (AlterUserScramCredentials 0..=0, flexible 0) {
        throttle_time_ms: i32;
        results: Vec<AlterUserScramCredentialsResult>;
    }

    struct AlterUserScramCredentialsResult {
        user: Str;
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
    }
}
