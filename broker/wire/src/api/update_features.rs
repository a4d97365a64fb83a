//! UpdateFeatures: the levels of features that a cluster works at (KIP-584).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct UpdateFeaturesRequest (UpdateFeatures 0..=2, flexible 0) {
        timeout_ms: i32 = 60000;
        feature_updates: Vec<FeatureUpdateKey>;
        validate_only: bool, in 1..;
    }

    struct FeatureUpdateKey {
        feature: Str;
        /// 0 turns the feature off.
        max_version_level: i16;
        allow_downgrade: bool, in ..=0;
        /// 1 upgrade, 2 safe downgrade, 3 unsafe downgrade.
        upgrade_type: i8 = 1, in 1..;
    }
}

table! {
    struct UpdateFeaturesResponse (UpdateFeatures 0..=2, flexible 0) {
        throttle_time_ms: i32;
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
        results: Vec<UpdatableFeatureResult>, in ..=1;
    }

    struct UpdatableFeatureResult {
        feature: Str;
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
    }
}
