//! Features (KIP-584): ApiVersions shows them, UpdateFeatures changes all that it names or nothing,
//! and a restart keeps them.

use naru_wire::ErrorCode;
use naru_wire::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use naru_wire::api::describe_cluster::{DescribeClusterRequest, DescribeClusterResponse};
use naru_wire::api::update_features::{
    FeatureUpdateKey, UpdateFeaturesRequest, UpdateFeaturesResponse,
};

use crate::harness::{Broker, ask};

const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

fn versions(broker: &Broker, version: i16, meant: (Option<&str>, i32)) -> ApiVersionsResponse {
    let request = ApiVersionsRequest {
        client_software_name: "stories".into(),
        client_software_version: "1".into(),
        cluster_id: meant.0.map(Into::into),
        node_id: meant.1,
    };
    ask(&mut broker.raw(), version, &request)
}

/// The finalized level of a feature, 0 if there is none, and the epoch of all.
fn level(broker: &Broker, name: &str) -> (i16, i64) {
    let response = versions(broker, 3, (None, -1));
    let mut finalized = response.finalized_features.iter();
    let level = finalized.find(|feature| &*feature.name == name);
    let level = level.map_or(0, |feature| {
        assert_eq!(feature.min_version_level, feature.max_version_level);
        feature.max_version_level
    });
    (level, response.finalized_features_epoch)
}

/// Name, level, kind.
type Update<'a> = (&'a str, i16, i8);

fn update(
    broker: &Broker,
    version: i16,
    updates: &[Update<'_>],
    validate_only: bool,
) -> UpdateFeaturesResponse {
    let updates = updates.iter().map(|(name, level, kind)| FeatureUpdateKey {
        feature: (*name).into(),
        max_version_level: *level,
        allow_downgrade: *kind != UPGRADE,
        upgrade_type: *kind,
    });
    let request = UpdateFeaturesRequest {
        timeout_ms: 30_000,
        feature_updates: updates.collect(),
        validate_only,
    };
    ask(&mut broker.raw(), version, &request)
}

#[test]
fn old_clients_are_not_shown_features_that_may_be_off() {
    let broker = Broker::start(&[]);
    let names = |version| -> Vec<(String, i16, i16)> {
        let response = versions(&broker, version, (None, -1));
        let features = response.supported_features.iter();
        features
            .map(|one| (one.name.to_string(), one.min_version, one.max_version))
            .collect()
    };
    let metadata = ("metadata.version".to_owned(), 33, 33);
    assert_eq!(names(3), std::slice::from_ref(&metadata));
    let all = [
        ("group.version".to_owned(), 0, 1),
        metadata,
        ("transaction.version".to_owned(), 0, 2),
    ];
    assert_eq!(names(4), all);
    assert_eq!(names(5), all);
    assert_eq!(level(&broker, "metadata.version").0, 33);
}

#[test]
fn a_client_that_means_another_broker_is_sent_back_to_its_bootstrap_servers() {
    let broker = Broker::start(&[]);
    let request = DescribeClusterRequest {
        endpoint_type: 1,
        ..Default::default()
    };
    let cluster: DescribeClusterResponse = ask(&mut broker.raw(), 1, &request);
    let id = cluster.cluster_id.to_string();
    let code = |meant| versions(&broker, 5, meant).error_code;
    assert_eq!(code((None, -1)), ErrorCode::None);
    assert_eq!(code((Some(&id), 1)), ErrorCode::None);
    assert_eq!(code((Some(&id), 2)), ErrorCode::RebootstrapRequired);
    assert_eq!(code((Some("another"), 1)), ErrorCode::RebootstrapRequired);
    assert_eq!(code((Some(&id), -1)), ErrorCode::InvalidRequest);
    assert_eq!(code((None, 1)), ErrorCode::InvalidRequest);
}

#[test]
fn features_go_up_and_down_together_or_not_at_all() {
    let mut broker = Broker::start(&[]);
    let (_, first) = level(&broker, "group.version");
    assert!(first >= 0);
    for (name, top) in [("group.version", 1), ("transaction.version", 2)] {
        update(&broker, 1, &[(name, 0, UNSAFE_DOWNGRADE)], false);
        let raised = update(&broker, 1, &[(name, top, UPGRADE)], false);
        assert_eq!(raised.error_code, ErrorCode::None);
        assert_eq!(raised.results.len(), 1);
        assert_eq!(level(&broker, name).0, top);
    }
    let (_, epoch) = level(&broker, "group.version");
    assert!(epoch > first);

    for version in 0..=2 {
        for (updates, says) in [
            (
                [
                    ("group.version", 0, UPGRADE),
                    ("transaction.version", 1, SAFE_DOWNGRADE),
                ],
                "downgrade",
            ),
            (
                [
                    ("transaction.version", 1, SAFE_DOWNGRADE),
                    ("group.version", 2, UPGRADE),
                ],
                "0-1",
            ),
            (
                [
                    ("transaction.version", 1, SAFE_DOWNGRADE),
                    ("share.version", 1, UPGRADE),
                ],
                "share",
            ),
            (
                [
                    ("transaction.version", 1, SAFE_DOWNGRADE),
                    ("group.version", -1, SAFE_DOWNGRADE),
                ],
                "less than 0",
            ),
        ] {
            let refused = update(&broker, version, &updates, false);
            assert_eq!(
                refused.error_code,
                ErrorCode::InvalidUpdateVersion,
                "{updates:?}"
            );
            let message = refused.error_message.unwrap();
            assert!(message.contains(says), "{message}");
            assert_eq!(refused.results, []);
        }
    }
    let only_asked = update(&broker, 2, &[("group.version", 0, SAFE_DOWNGRADE)], true);
    assert_eq!(only_asked.error_code, ErrorCode::None);
    assert_eq!(level(&broker, "group.version"), (1, epoch));
    assert_eq!(level(&broker, "transaction.version").0, 2);

    let both = [
        ("group.version", 0, SAFE_DOWNGRADE),
        ("transaction.version", 1, SAFE_DOWNGRADE),
    ];
    let lowered = update(&broker, 2, &both, false);
    assert_eq!(
        (lowered.error_code, lowered.results.len()),
        (ErrorCode::None, 0)
    );
    broker.kill_9();
    broker.start_again();
    assert_eq!(level(&broker, "group.version").0, 0);
    assert_eq!(level(&broker, "transaction.version").0, 1);
}
