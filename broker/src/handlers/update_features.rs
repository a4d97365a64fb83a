//! UpdateFeatures (v0–v2, KIP-584, KIP-1022): levels of features, all of those asked for or none.

use naru_wire::api::update_features::{
    FeatureUpdateKey, UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse,
};
use naru_wire::{ErrorCode, Str};

use super::dispatch::Context;
use super::topics::cluster_error_code;
use crate::cluster::{Command, FeatureLevel, FinalizedFeatures, UpgradeType, check_update};

pub async fn handle(context: &Context, request: UpdateFeaturesRequest) -> UpdateFeaturesResponse {
    match update(context, &request).await {
        Ok(()) => UpdateFeaturesResponse {
            error_message: None,
            results: request.feature_updates.iter().map(updated).collect(),
            ..Default::default()
        },
        Err((error_code, message)) => UpdateFeaturesResponse {
            error_code,
            error_message: Some(Str::from(message)),
            ..Default::default()
        },
    }
}

/// Before v2, the answer names each feature.
fn updated(update: &FeatureUpdateKey) -> UpdatableFeatureResult {
    UpdatableFeatureResult {
        feature: update.feature.clone(),
        error_code: ErrorCode::None,
        error_message: None,
    }
}

async fn update(
    context: &Context,
    request: &UpdateFeaturesRequest,
) -> Result<(), (ErrorCode, String)> {
    let image = context.shard.image();
    let finalized = image.features();
    let updates = request.feature_updates.iter();
    let levels: Result<Vec<_>, _> = updates
        .map(|update| check(context.version(), finalized, update))
        .collect();
    let levels = levels.map_err(|message| (ErrorCode::InvalidUpdateVersion, message))?;
    if request.validate_only || levels.is_empty() {
        return Ok(());
    }
    let command = Command::SetFeatureLevels {
        epoch_before: finalized.epoch(),
        levels,
    };
    let finalized = context.shard.propose(command).await;
    finalized
        .map(drop)
        .map_err(|error| (cluster_error_code(&error), error.to_string()))
}

fn check(
    version: i16,
    finalized: &FinalizedFeatures,
    update: &FeatureUpdateKey,
) -> Result<FeatureLevel, String> {
    let upgrade_type = match version {
        // Version 0 knows one kind of downgrade.
        0 if update.allow_downgrade => Some(UpgradeType::SafeDowngrade),
        0 => Some(UpgradeType::Upgrade),
        _ => UpgradeType::from_code(update.upgrade_type),
    };
    let level = update.max_version_level;
    check_update(finalized, &update.feature, level, upgrade_type).map_err(|invalid| {
        format!(
            "The update failed for all features since the following feature had an error: {invalid}"
        )
    })
}
