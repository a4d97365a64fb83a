//! [`Versions`]: which version of each API a request is sent in.

use naru_wire::api::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use naru_wire::{Request, Str};

use crate::KafkaError;

/// The version of the question itself. Every broker since Kafka 2.4 answers it (KIP-511).
const API_VERSIONS_VERSION: i16 = 3;

/// What the broker at an address serves, as ApiVersions tells it.
#[derive(Clone, Debug, Default)]
pub struct Versions(Vec<ApiVersion>);

impl Versions {
    /// The first request on a connection, and its version.
    pub fn request(software: &'static str) -> (ApiVersionsRequest, i16) {
        let request = ApiVersionsRequest {
            client_software_name: Str::from_static(software),
            client_software_version: Str::from_static(env!("CARGO_PKG_VERSION")),
            ..Default::default()
        };
        (request, API_VERSIONS_VERSION)
    }

    /// # Errors
    /// When the broker refused to say.
    pub fn of(response: ApiVersionsResponse) -> Result<Self, KafkaError> {
        KafkaError::check(response.error_code, || "ApiVersions".into(), None)?;
        Ok(Self(response.api_keys))
    }

    /// The newest version of `R`, up to `limit`, that both sides have.
    ///
    /// # Errors
    /// When there is none.
    pub fn newest<R: Request>(&self, address: &str, limit: i16) -> Result<i16, KafkaError> {
        let ours = (*R::VERSIONS.start(), (*R::VERSIONS.end()).min(limit));
        let theirs = self.0.iter().find(|api| api.api_key == R::KEY.code());
        let theirs = theirs.map(|api| (api.min_version, api.max_version));
        match theirs {
            Some((low, high)) if high.min(ours.1) >= low.max(ours.0) => Ok(high.min(ours.1)),
            _ => Err(KafkaError::Version {
                address: address.to_owned(),
                api: R::KEY,
                theirs,
                ours,
            }),
        }
    }

    /// Whether the broker has any version of `R` that we have, too.
    pub fn has<R: Request>(&self) -> bool {
        self.newest::<R>("", i16::MAX).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use naru_wire::api::metadata::MetadataRequest;
    use naru_wire::{ApiKey, Message};

    fn serving(min_version: i16, max_version: i16) -> Versions {
        Versions(vec![ApiVersion {
            api_key: ApiKey::Metadata.code(),
            min_version,
            max_version,
        }])
    }

    #[test]
    fn the_newest_version_that_both_have_is_taken() {
        let ours = *MetadataRequest::VERSIONS.end();
        let newest = |versions: Versions, limit| versions.newest::<MetadataRequest>("a", limit);
        assert_eq!(newest(serving(0, 9), i16::MAX).unwrap(), 9);
        assert_eq!(newest(serving(0, ours + 5), i16::MAX).unwrap(), ours);
        assert_eq!(newest(serving(0, 9), 7).unwrap(), 7);
    }

    #[test]
    fn without_a_version_in_common_both_sides_are_named() {
        let ours = *MetadataRequest::VERSIONS.end();
        let refused = serving(ours + 1, ours + 2).newest::<MetadataRequest>("a:1", i16::MAX);
        let said = refused.unwrap_err().to_string();
        assert!(
            said.contains("a:1") && said.contains(&(ours + 1).to_string()),
            "{said}"
        );
        let refused = Versions::default().newest::<MetadataRequest>("a:1", i16::MAX);
        assert!(refused.unwrap_err().to_string().contains("versions none"));
        assert!(!Versions::default().has::<MetadataRequest>());
    }
}
