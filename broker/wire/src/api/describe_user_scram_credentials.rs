//! DescribeUserScramCredentials: how users may prove who they are (KIP-554).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DescribeUserScramCredentialsRequest (DescribeUserScramCredentials 0..=0, flexible 0) {
        /// Null or none asks for all users.
        users: Option<Vec<UserName>> = Some(Vec::new());
    }

    struct UserName {
        name: Str;
    }
}

table! {
    struct DescribeUserScramCredentialsResponse (DescribeUserScramCredentials 0..=0, flexible 0) {
        throttle_time_ms: i32;
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
        results: Vec<DescribeUserScramCredentialsResult>;
    }

    struct DescribeUserScramCredentialsResult {
        user: Str;
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
        credential_infos: Vec<CredentialInfo>;
    }

    struct CredentialInfo {
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        mechanism: i8;
        iterations: i32;
    }
}
