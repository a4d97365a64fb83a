//! DescribeAcls, CreateAcls and DeleteAcls (v1–v3), as Kafka answers them without an authorizer: an
//! error that is final, so that tools say what is missing and clients do not ask again.

use naru_wire::api::create_acls::{AclCreationResult, CreateAclsRequest, CreateAclsResponse};
use naru_wire::api::delete_acls::{DeleteAclsFilterResult, DeleteAclsRequest, DeleteAclsResponse};
use naru_wire::api::describe_acls::DescribeAclsResponse;
use naru_wire::{ErrorCode, Str};

const NO_AUTHORIZER: &str = "No Authorizer is configured on the broker";

pub fn describe() -> DescribeAclsResponse {
    DescribeAclsResponse {
        error_code: ErrorCode::SecurityDisabled,
        error_message: Some(Str::from(NO_AUTHORIZER)),
        ..Default::default()
    }
}

pub fn create(request: &CreateAclsRequest) -> CreateAclsResponse {
    let message = Str::from(NO_AUTHORIZER);
    let results = request.creations.iter().map(|_| AclCreationResult {
        error_code: ErrorCode::SecurityDisabled,
        error_message: Some(message.clone()),
    });
    CreateAclsResponse {
        results: results.collect(),
        ..Default::default()
    }
}

pub fn delete(request: &DeleteAclsRequest) -> DeleteAclsResponse {
    let message = Str::from(NO_AUTHORIZER);
    let results = request.filters.iter().map(|_| DeleteAclsFilterResult {
        error_code: ErrorCode::SecurityDisabled,
        error_message: Some(message.clone()),
        ..Default::default()
    });
    DeleteAclsResponse {
        filter_results: results.collect(),
        ..Default::default()
    }
}
