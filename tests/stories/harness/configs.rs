//! Configs of resources, as clients set and see them.

use naru_wire::ErrorCode;
use naru_wire::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse,
};
use naru_wire::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};

use super::{Broker, Raw, ask};

/// `ConfigResource.Type`
pub const TOPIC: i8 = 2;
pub const BROKER: i8 = 4;
pub const LOGGER: i8 = 8;
pub const CLIENT_METRICS: i8 = 16;
pub const GROUP: i8 = 32;

/// `AlterConfigOp.OpType`
pub const SET: i8 = 0;
pub const DELETE: i8 = 1;
pub const APPEND: i8 = 2;
pub const SUBTRACT: i8 = 3;

/// Key, operation, value.
pub type Change<'a> = (&'a str, i8, Option<&'a str>);

pub fn alter_on(
    connection: &mut Raw,
    (resource_type, name): (i8, &str),
    changes: &[Change<'_>],
    validate_only: bool,
) -> (ErrorCode, String) {
    let configs = changes
        .iter()
        .map(|(name, operation, value)| AlterableConfig {
            name: (*name).into(),
            config_operation: *operation,
            value: value.map(Into::into),
        });
    let request = IncrementalAlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type,
            resource_name: name.into(),
            configs: configs.collect(),
        }],
        validate_only,
    };
    let response: IncrementalAlterConfigsResponse = ask(connection, 1, &request);
    let one = &response.responses[0];
    let message = one.error_message.as_ref().map(ToString::to_string);
    (one.error_code, message.unwrap_or_default())
}

pub fn alter(broker: &Broker, resource: (i8, &str), changes: &[Change<'_>]) -> (ErrorCode, String) {
    alter_on(&mut broker.raw(), resource, changes, false)
}

pub fn describe(
    broker: &Broker,
    (resource_type, name): (i8, &str),
) -> (ErrorCode, Vec<DescribeConfigsResourceResult>) {
    let request = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type,
            resource_name: name.into(),
            configuration_keys: None,
        }],
        include_synonyms: true,
        include_documentation: true,
    };
    let mut response: DescribeConfigsResponse = ask(&mut broker.raw(), 4, &request);
    let one = response.results.remove(0);
    (one.error_code, one.configs)
}

/// Value, source, and the sources of the synonyms.
pub fn config(broker: &Broker, resource: (i8, &str), key: &str) -> (String, i8, Vec<i8>) {
    let (error, configs) = describe(broker, resource);
    assert_eq!(error, ErrorCode::None);
    let one = configs.iter().find(|one| &*one.name == key).unwrap();
    assert!(one.documentation.is_some());
    let value = one.value.as_deref().unwrap_or("null").to_owned();
    let synonyms = one.synonyms.iter().map(|synonym| synonym.source);
    (value, one.config_source, synonyms.collect())
}
