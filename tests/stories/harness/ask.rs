//! One request by the wire codec, for what no client of the stories sends.

use bytes::Bytes;
use naru_wire::api::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use naru_wire::{Message, Request, decode_response, encode_request};
use uuid::Uuid;

use super::{Broker, Raw};

/// Sends a request on a connection and reads the next answer.
pub fn ask<Q: Request, A: Message>(connection: &mut Raw, version: i16, request: &Q) -> A {
    let frame: Vec<u8> = encode_request(request, version, 1, None).unwrap().concat();
    connection.send(&frame).unwrap();
    // The harness takes the correlation id off.
    let answer = Bytes::from([vec![0; 4], connection.receive().unwrap()].concat());
    decode_response(answer, version).unwrap().1
}

/// The id of a topic that is there.
pub fn topic_id(broker: &Broker, name: &str) -> Uuid {
    let request = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some(name.into()),
            ..Default::default()
        }]),
        ..Default::default()
    };
    let response: MetadataResponse = ask(&mut broker.raw(), 12, &request);
    response.topics[0].topic_id
}
