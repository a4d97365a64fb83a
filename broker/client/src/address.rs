//! From `host:port` to what a socket connects to.

use std::io::ErrorKind;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::KafkaError;

/// The addresses of `host:port`, those of IPv4 first: `localhost` is both, and brokers often listen
/// on one.
///
/// # Errors
/// When the text is no `host:port`, or the name has no address.
pub fn addresses_of(address: &str) -> Result<Vec<SocketAddr>, KafkaError> {
    let unreachable = |reason: String| KafkaError::Unreachable {
        address: address.to_owned(),
        reason,
    };
    match address.to_socket_addrs() {
        Ok(found) => {
            let mut found: Vec<SocketAddr> = found.collect();
            found.sort_by_key(SocketAddr::is_ipv6);
            match found.is_empty() {
                true => Err(unreachable("the name has no address".into())),
                false => Ok(found),
            }
        }
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            Err(KafkaError::Address(address.to_owned()))
        }
        Err(error) => Err(unreachable(error.to_string())),
    }
}

/// The first of [`addresses_of`].
///
/// # Errors
/// As [`addresses_of`].
pub fn address_of(address: &str) -> Result<SocketAddr, KafkaError> {
    let first = addresses_of(address)?.first().copied();
    first.ok_or_else(|| KafkaError::Address(address.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let found = address_of("127.0.0.1:9092").map(|address| address.to_string());
        assert_eq!(found.as_deref().unwrap(), "127.0.0.1:9092");
        for text in ["localhost", "localhost:", "localhost:kafka"] {
            let found = address_of(text);
            assert!(matches!(found, Err(KafkaError::Address(_))), "{text}");
        }
    }
}
