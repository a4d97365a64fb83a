//! Values that prove themselves: each begins with a stamp of who sent it, where to, as which of his
//! records, when, and a checksum of it all.
//!
//! | bytes | what |
//! |---|---|
//! | 0–3 | CRC-32C of everything after it, xor that of the key |
//! | 4–7 | the run |
//! | 8–9 | the producer |
//! | 10–13 | topic and partition: the slot of the run |
//! | 14–19 | the record's number among those of its producer and partition |
//! | 20–27 | when it was sent, or was to be sent (open loop), in ns of the run's clock |
//!
//! The record's timestamp is the same moment by the wall clock, so it is proven by the stamp, too.

use naru_record_batch::crc32c;

/// A value smaller than this cannot be verified.
pub const STAMP_BYTES: usize = 28;

/// Random bytes that values are cut from, so that making one costs no copy.
const POOL_BYTES: usize = 1 << 20;

/// Values are compressible in pieces of this size: small enough that every value has its share.
const PIECE_BYTES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub run: u32,
    pub producer: u16,
    pub slot: u32,
    pub sequence: u64,
    pub sent_ns: u64,
}

/// What a value's bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Whole(Stamp),
    Damaged,
}

/// Numbers of six bytes: 280 million million records of one producer and partition.
const SEQUENCE_MAX: u64 = (1 << 48) - 1;

impl Stamp {
    fn write(&self, key: Option<&[u8]>, value: &mut [u8]) {
        assert!(self.sequence <= SEQUENCE_MAX, "a number of six bytes");
        value[4..8].copy_from_slice(&self.run.to_le_bytes());
        value[8..10].copy_from_slice(&self.producer.to_le_bytes());
        value[10..14].copy_from_slice(&self.slot.to_le_bytes());
        value[14..20].copy_from_slice(&self.sequence.to_le_bytes()[..6]);
        value[20..28].copy_from_slice(&self.sent_ns.to_le_bytes());
        let crc = checksum(key, &value[4..]);
        value[0..4].copy_from_slice(&crc.to_le_bytes());
    }

    pub(super) fn read(key: Option<&[u8]>, value: &[u8]) -> Read {
        let Some((crc, rest)) = value.split_first_chunk::<4>() else {
            return Read::Damaged;
        };
        let Some(stamp) = rest.first_chunk::<24>() else {
            return Read::Damaged;
        };
        if checksum(key, rest) != u32::from_le_bytes(*crc) {
            return Read::Damaged;
        }
        let number = |from: usize, bytes: usize| {
            let bytes = stamp[from..from + bytes].iter().rev();
            bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        Read::Whole(Self {
            run: number(0, 4) as u32,
            producer: number(4, 2) as u16,
            slot: number(6, 4) as u32,
            sequence: number(10, 6),
            sent_ns: number(16, 8),
        })
    }
}

/// A key and a value exchanged would have the same sum, were one of them not turned.
fn checksum(key: Option<&[u8]>, rest: &[u8]) -> u32 {
    crc32c(rest) ^ crc32c(key.unwrap_or_default()).rotate_left(1)
}

/// Where a producer takes its values and keys from.
pub(super) struct Payloads {
    pool: Vec<u8>,
    at: usize,
    random: fastrand::Rng,
    keys: u64,
    key: Vec<u8>,
}

impl Payloads {
    pub(super) fn new(
        seed: u64,
        value_bytes_max: usize,
        compressibility: f64,
        key_bytes: usize,
        keys: u64,
    ) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut pool = vec![0; POOL_BYTES + value_bytes_max];
        for piece in pool.chunks_mut(PIECE_BYTES) {
            if random.f64() >= compressibility {
                random.fill(piece);
            }
        }
        Self {
            pool,
            at: 0,
            random,
            keys,
            key: vec![0; key_bytes],
        }
    }

    pub(super) fn random(&mut self) -> &mut fastrand::Rng {
        &mut self.random
    }

    /// A key (if there are keys) and a stamped value of `bytes`. A value without room for the stamp
    /// has none.
    pub(super) fn next(&mut self, bytes: usize, stamp: &Stamp) -> (Option<&[u8]>, &[u8]) {
        // Odd, so that stamps do not always fall on the same bytes of the pool.
        self.at = (self.at + bytes + 97) % POOL_BYTES;
        let value = &mut self.pool[self.at..self.at + bytes];
        let key = (!self.key.is_empty()).then(|| {
            let drawn = self.random.u64(0..self.keys.max(1)).to_be_bytes();
            let length = self.key.len().min(drawn.len());
            self.key[..length].copy_from_slice(&drawn[drawn.len() - length..]);
            self.key.as_slice()
        });
        if bytes >= STAMP_BYTES {
            stamp.write(key, value);
        }
        (key, value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn stamp(sequence: u64) -> Stamp {
        Stamp {
            run: 7,
            producer: 3,
            slot: 70_000,
            sequence,
            sent_ns: 12_345_678_901,
        }
    }

    #[test]
    fn a_stamp_is_read_back_and_any_changed_byte_of_key_or_value_shows() {
        let mut payloads = Payloads::new(1, 300, 0.5, 12, 5);
        let (key, value) = payloads.next(300, &stamp(SEQUENCE_MAX));
        let (key, value) = (key.map(<[u8]>::to_vec), value.to_vec());
        let read = |key: &Option<Vec<u8>>, value: &[u8]| Stamp::read(key.as_deref(), value);
        assert_eq!(read(&key, &value), Read::Whole(stamp(SEQUENCE_MAX)));
        for at in 0..value.len() {
            let mut damaged = value.clone();
            damaged[at] ^= 1;
            assert_eq!(read(&key, &damaged), Read::Damaged, "byte {at}");
        }
        for at in 0..12 {
            let mut damaged = key.clone();
            damaged.as_mut().unwrap()[at] ^= 1;
            assert_eq!(
                read(&damaged, &value),
                Read::Damaged,
                "byte {at} of the key"
            );
        }
        assert_eq!(read(&None, &value), Read::Damaged);
        assert_eq!(read(&key, &value[..27]), Read::Damaged);
    }

    #[test]
    fn compressibility_is_the_share_that_repeats() {
        let zeros = |compressibility| {
            let payloads = Payloads::new(1, 0, compressibility, 0, 0);
            let zeros = payloads.pool.iter().filter(|byte| **byte == 0).count();
            zeros as f64 / payloads.pool.len() as f64
        };
        assert!(zeros(0.0) < 0.01);
        assert!((0.45..0.55).contains(&zeros(0.5)));
        assert_eq!(zeros(1.0), 1.0);
    }

    #[test]
    fn keys_are_drawn_from_as_many_as_were_asked_for() {
        let mut payloads = Payloads::new(1, 64, 0.0, 16, 10);
        let mut keys = std::collections::HashSet::new();
        for sequence in 0..1000 {
            let (key, _) = payloads.next(64, &stamp(sequence));
            keys.insert(key.map(<[u8]>::to_vec));
        }
        assert_eq!(keys.len(), 10);
    }
}
