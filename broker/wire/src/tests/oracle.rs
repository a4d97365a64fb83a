//! Every version of every message against the `kafka-protocol` crate.
//!
//! A sampled message is encoded here, decoded and encoded again there, and the bytes must be the same; then read back here, it must
//! be the message that it was. The other crate is generated from Kafka's own definitions, so agreeing with it byte for
//! byte, in both directions, leaves no field, version, tag or default to chance.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable, Message as Theirs};

use super::{Sample, Source, for_each_message};
use crate::field::Format;
use crate::{Decoder, Encoder, Message};

const SAMPLES_PER_VERSION: u64 = 40;

fn encoded<M: Message>(message: &M, version: i16) -> Bytes {
    let mut encoder = Encoder::new();
    message.encode(&mut encoder, version).unwrap();
    let len = encoder.len();
    let joined = Bytes::from(encoder.finish().concat());
    assert_eq!(joined.len(), len, "the encoder knows its length");
    joined
}

fn check_round_trip<M: Message + PartialEq + Debug>(message: &M, bytes: &Bytes, version: i16) {
    let mut decoder = Decoder::new(bytes.clone());
    let read = M::decode(&mut decoder, version).unwrap();
    assert_eq!(&read, message, "version {version}");
    assert_eq!(decoder.finish(), 0, "version {version} of {message:?}");
}

fn check_against<T: Theirs + Decodable + Encodable>(
    bytes: &Bytes,
    version: i16,
    message: &dyn Debug,
) {
    let mut rest = bytes.clone();
    let theirs = T::decode(&mut rest, version)
        .unwrap_or_else(|error| panic!("version {version} of {message:?}: {error}"));
    assert!(
        rest.is_empty(),
        "version {version} of {message:?}: {} bytes left",
        rest.len()
    );
    let mut again = BytesMut::new();
    theirs.encode(&mut again, version).unwrap();
    assert_eq!(&again.freeze(), bytes, "version {version} of {message:?}");
}

fn check_message<M, T>(uncovered: &mut Vec<String>)
where
    M: Message + Sample + PartialEq + Debug,
    T: Theirs + Decodable + Encodable,
{
    for version in M::VERSIONS {
        let covered = (T::VERSIONS.min..=T::VERSIONS.max).contains(&version);
        if !covered {
            uncovered.push(format!("{} {version}", std::any::type_name::<T>()));
        }
        let format = Format {
            version,
            flexible: version >= M::FLEXIBLE,
        };
        for seed in 0..SAMPLES_PER_VERSION {
            let message = M::sample(&mut Source::new(seed), format);
            let bytes = encoded(&message, version);
            check_round_trip(&message, &bytes, version);
            if covered {
                check_against::<T>(&bytes, version, &message);
            }
        }
    }
}

#[test]
fn every_version_of_every_message_is_what_another_implementation_writes() {
    let mut uncovered = Vec::new();
    macro_rules! check_all {
        ($($message:ident,)*) => {
            $(check_message::<crate::$message, kafka_protocol::messages::$message>(&mut uncovered);)*
        };
    }
    for_each_message!(check_all);
    println!("not covered by the oracle, round trip only: {uncovered:?}");
}
