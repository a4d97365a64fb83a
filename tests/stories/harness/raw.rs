//! A bare socket, and the few requests that stories write byte by byte.
//!
//! It shares no code with the broker's codec: a mistake there must not hide itself here.
//! Layouts are Kafka's: ApiVersions v0, FindCoordinator v0, Metadata v1, JoinGroup v1, Fetch v4,
//! ListOffsets v1, Produce v7, record batch v2.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use super::WAIT_MAX;

const PRODUCE: i16 = 0;
const FETCH: i16 = 1;
const LIST_OFFSETS: i16 = 2;
const METADATA: i16 = 3;
const FIND_COORDINATOR: i16 = 10;
const JOIN_GROUP: i16 = 11;
const API_VERSIONS: i16 = 18;

pub struct Raw {
    stream: TcpStream,
}

impl Raw {
    pub fn connect_to(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(WAIT_MAX))?;
        stream.set_write_timeout(Some(WAIT_MAX))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream })
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Takes as much as fits into the socket now; a broker that reads no more fills it.
    pub fn send_what_fits(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_nonblocking(true)?;
        let mut sent = 0;
        while sent < bytes.len() {
            match self.stream.write(&bytes[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.stream.set_nonblocking(false)?;
        Ok(sent)
    }

    /// The body of the next answer, after its correlation id.
    pub fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size)?;
        let size = usize::try_from(i32::from_be_bytes(size)).map_err(io::Error::other)?;
        let mut answer = vec![0; size];
        self.stream.read_exact(&mut answer)?;
        if answer.len() < 4 {
            return Err(io::Error::other("an answer without a correlation id"));
        }
        Ok(answer.split_off(4))
    }

    /// Asks what the broker speaks; an answer without error is all that counts here.
    pub fn api_versions(&mut self) -> io::Result<()> {
        self.send(&api_versions_request())?;
        match self.receive()?.as_slice() {
            [0, 0, ..] => Ok(()),
            other => Err(io::Error::other(format!("ApiVersions: {other:?}"))),
        }
    }

    /// Produces one batch with acks=all: the error code and the base offset.
    pub fn produce(&mut self, topic: &str, partition: i32, batch: &[u8]) -> io::Result<(i16, i64)> {
        self.send(&produce_request(topic, partition, batch))?;
        let answer = self.receive()?;
        // One topic, its name, one partition and its index come before what is asked for.
        let at = 4 + 2 + topic.len() + 4 + 4;
        let short = || io::Error::other("Produce: the answer is cut short");
        let error = answer.get(at..at + 2).ok_or_else(short)?;
        let offset = answer.get(at + 2..at + 10).ok_or_else(short)?;
        Ok((
            i16::from_be_bytes(error.try_into().map_err(io::Error::other)?),
            i64::from_be_bytes(offset.try_into().map_err(io::Error::other)?),
        ))
    }

    /// Sends nothing more; what was asked for is still received.
    pub fn end_sending(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Whether the broker has sent something that was not received yet.
    pub fn has_answer(&self) -> io::Result<bool> {
        self.stream.set_nonblocking(true)?;
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false)?;
        match peeked {
            Ok(count) => Ok(count > 0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The answer to a [`Fetch`]: what each partition had.
    pub fn receive_fetched(&mut self) -> io::Result<Vec<Fetched>> {
        Ok(fetched(&self.receive()?))
    }

    /// Waits until the broker closes the connection; answers on the way are dropped.
    pub fn wait_for_close(&mut self) -> io::Result<()> {
        let mut chunk = [0; 4096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // The broker may close while bytes of ours are still unread.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// A whole frame: size, request header v1, body.
pub fn request(api: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(19 + body.len());
    frame.extend(i32::try_from(15 + body.len()).unwrap().to_be_bytes());
    frame.extend(api.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend(7_i32.to_be_bytes());
    put_string(&mut frame, "story");
    frame.extend(body);
    frame
}

pub fn produce_request(topic: &str, partition: i32, batch: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(64 + topic.len() + batch.len());
    body.extend((-1_i16).to_be_bytes()); // no transactional id
    body.extend((-1_i16).to_be_bytes()); // acks=all
    body.extend(30_000_i32.to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    put_string(&mut body, topic);
    body.extend(1_i32.to_be_bytes());
    body.extend(partition.to_be_bytes());
    body.extend(i32::try_from(batch.len()).unwrap().to_be_bytes());
    body.extend(batch);
    request(PRODUCE, 7, &body)
}

/// Asks for the first record of a partition that is not older than `timestamp_ms`.
pub fn list_offsets_request(topic: &str, partition: i32, timestamp_ms: i64) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend((-1_i32).to_be_bytes()); // a consumer
    body.extend(1_i32.to_be_bytes());
    put_string(&mut body, topic);
    body.extend(1_i32.to_be_bytes());
    body.extend(partition.to_be_bytes());
    body.extend(timestamp_ms.to_be_bytes());
    request(LIST_OFFSETS, 1, &body)
}

/// A fetch of partitions of one topic.
pub struct Fetch<'a> {
    pub topic: &'a str,
    /// Partition, offset and `partition_max_bytes`.
    pub partitions: &'a [(i32, i64, i32)],
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    pub max_bytes: i32,
}

impl Fetch<'_> {
    pub fn request(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend((-1_i32).to_be_bytes()); // a consumer
        body.extend(self.max_wait_ms.to_be_bytes());
        body.extend(self.min_bytes.to_be_bytes());
        body.extend(self.max_bytes.to_be_bytes());
        body.push(0); // read uncommitted
        body.extend(1_i32.to_be_bytes());
        put_string(&mut body, self.topic);
        body.extend(i32::try_from(self.partitions.len()).unwrap().to_be_bytes());
        for (partition, offset, max_bytes) in self.partitions {
            body.extend(partition.to_be_bytes());
            body.extend(offset.to_be_bytes());
            body.extend(max_bytes.to_be_bytes());
        }
        request(FETCH, 4, &body)
    }
}

/// What a fetch found in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub partition: i32,
    pub error: i16,
    pub high_watermark: i64,
    pub records_bytes: usize,
}

/// The partitions of a Fetch answer, of all its topics.
fn fetched(answer: &[u8]) -> Vec<Fetched> {
    let mut rest = &answer[4..]; // without the throttle time
    let mut found = Vec::new();
    for _ in 0..take_i32(&mut rest) {
        let name = i16::from_be_bytes(take(&mut rest));
        rest = &rest[usize::try_from(name).unwrap()..];
        for _ in 0..take_i32(&mut rest) {
            let partition = take_i32(&mut rest);
            let error = i16::from_be_bytes(take(&mut rest));
            let high_watermark = i64::from_be_bytes(take(&mut rest));
            let _last_stable_offset: [u8; 8] = take(&mut rest);
            let aborted = take_i32(&mut rest);
            assert!(aborted <= 0, "nothing is transactional here");
            let records_bytes = usize::try_from(take_i32(&mut rest).max(0)).unwrap();
            rest = &rest[records_bytes..];
            found.push(Fetched {
                partition,
                error,
                high_watermark,
                records_bytes,
            });
        }
    }
    assert!(rest.is_empty(), "{} bytes too many", rest.len());
    found
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (taken, left) = rest.split_first_chunk().unwrap();
    *rest = left;
    *taken
}

fn take_i32(rest: &mut &[u8]) -> i32 {
    i32::from_be_bytes(take(rest))
}

pub fn api_versions_request() -> Vec<u8> {
    request(API_VERSIONS, 0, &[])
}

/// A FindCoordinator request (v0).
pub fn find_coordinator_request(group: &str) -> Vec<u8> {
    let mut body = Vec::new();
    put_string(&mut body, group);
    request(FIND_COORDINATOR, 0, &body)
}

/// A new member's JoinGroup request (v1) that may wait this long for the others.
pub fn join_group_request(group: &str, rebalance_timeout_ms: i32) -> Vec<u8> {
    let mut body = Vec::new();
    put_string(&mut body, group);
    body.extend(30_000_i32.to_be_bytes()); // session timeout
    body.extend(rebalance_timeout_ms.to_be_bytes());
    put_string(&mut body, ""); // no member id yet
    put_string(&mut body, "consumer");
    body.extend(1_i32.to_be_bytes());
    put_string(&mut body, "range");
    body.extend(0_i32.to_be_bytes()); // no metadata
    request(JOIN_GROUP, 1, &body)
}

/// A Metadata request that claims this many topics and brings the bytes in `topics`.
pub fn metadata_request(claimed: i32, topics: &[u8]) -> Vec<u8> {
    let mut body = claimed.to_be_bytes().to_vec();
    body.extend(topics);
    request(METADATA, 1, &body)
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    out.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
    out.extend(text.as_bytes());
}

/// A record batch v2 with one record: no key, this value, the time now.
pub fn batch(value: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 0, 0]; // attributes, timestamp delta, offset delta
    put_varint(&mut record, -1);
    put_varint(&mut record, i64::try_from(value.len()).unwrap());
    record.extend(value);
    record.push(0); // no headers
    let mut records = Vec::with_capacity(record.len() + 5);
    put_varint(&mut records, i64::try_from(record.len()).unwrap());
    records.extend(record);

    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let now_ms = i64::try_from(since.as_millis()).unwrap();
    let mut checked = Vec::with_capacity(records.len() + 40);
    checked.extend(0_i16.to_be_bytes()); // attributes
    checked.extend(0_i32.to_be_bytes()); // last offset delta
    checked.extend(now_ms.to_be_bytes());
    checked.extend(now_ms.to_be_bytes());
    checked.extend((-1_i64).to_be_bytes()); // producer id
    checked.extend((-1_i16).to_be_bytes()); // producer epoch
    checked.extend((-1_i32).to_be_bytes()); // base sequence
    checked.extend(1_i32.to_be_bytes());
    checked.extend(records);

    let mut batch = Vec::with_capacity(checked.len() + 21);
    batch.extend(0_i64.to_be_bytes());
    // Leader epoch, magic and CRC count as well.
    batch.extend(i32::try_from(checked.len() + 9).unwrap().to_be_bytes());
    batch.extend((-1_i32).to_be_bytes());
    batch.push(2);
    batch.extend(crc32c(&checked).to_be_bytes());
    batch.extend(checked);
    batch
}

fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut zigzag = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while zigzag >= 0x80 {
        out.push(u8::try_from(zigzag & 0x7f).unwrap() | 0x80);
        zigzag >>= 7;
    }
    out.push(u8::try_from(zigzag).unwrap());
}

/// CRC-32C bit by bit: slow, and too simple to be wrong.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())
        })
    })
}
