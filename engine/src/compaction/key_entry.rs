//! A key, hashed, and where its record is.
//!
//! Equal hashes count as equal keys, so the hash must not be one for which somebody finds
//! another key to a given one: BLAKE3, cut to 128 bits (ADR 0023).

/// What an entry takes in a file, in bytes.
pub(super) const ENTRY_BYTES: usize = 24;

/// A record by its key. Ordered by hash, then by offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyEntry {
    pub hash: u128,
    pub offset: i64,
    pub is_tombstone: bool,
}

impl KeyEntry {
    pub fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let (hash, offset) = bytes.split_at_mut(16);
        hash.copy_from_slice(&self.hash.to_le_bytes());
        let packed = (self.offset as u64) << 1 | u64::from(self.is_tombstone);
        offset.copy_from_slice(&packed.to_le_bytes());
        bytes
    }

    pub fn from_bytes(bytes: [u8; ENTRY_BYTES]) -> Self {
        let (mut hash, mut packed) = ([0; 16], [0; 8]);
        hash.copy_from_slice(&bytes[..16]);
        packed.copy_from_slice(&bytes[16..]);
        let packed = u64::from_le_bytes(packed);
        Self {
            hash: u128::from_le_bytes(hash),
            offset: (packed >> 1) as i64,
            is_tombstone: packed & 1 != 0,
        }
    }
}

/// Hashes a key that comes in pieces.
#[derive(Default)]
pub(super) struct KeyHasher(blake3::Hasher);

impl KeyHasher {
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub fn finish(&self) -> u128 {
        let hash = self.0.finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&hash.as_bytes()[..16]);
        u128::from_le_bytes(half)
    }
}

/// A sum over entries, the same in whatever order they come: two sets of entries that have
/// the same sum are the same but for malice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KeySum {
    pub count: u64,
    sum: u128,
}

impl KeySum {
    pub fn add(&mut self, entry: KeyEntry) {
        const SPREAD: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
        let packed = (entry.offset as u128) << 1 | u128::from(entry.is_tombstone);
        let mixed = entry.hash ^ packed.wrapping_mul(SPREAD);
        self.count += 1;
        self.sum = self
            .sum
            .wrapping_add((mixed ^ mixed >> 61).wrapping_mul(SPREAD));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        for offset in [0, 1, i64::MAX >> 1] {
            for is_tombstone in [false, true] {
                let entry = KeyEntry {
                    hash: u128::MAX / 3,
                    offset,
                    is_tombstone,
                };
                assert_eq!(KeyEntry::from_bytes(entry.to_bytes()), entry);
            }
        }
    }

    #[test]
    fn the_hash_is_blake3_in_whatever_pieces_the_key_comes() {
        let mut whole = KeyHasher::default();
        whole.update(b"abc");
        let mut pieces = KeyHasher::default();
        for piece in [&b"a"[..], b"", b"bc"] {
            pieces.update(piece);
        }
        assert_eq!(whole.finish(), pieces.finish());
        // The first 16 bytes of BLAKE3("abc").
        let known = [
            0x64, 0x37, 0xb3, 0xac, 0x38, 0x46, 0x51, 0x33, 0xff, 0xb6, 0x3b, 0x75, 0x27, 0x3a,
            0x8d, 0xb5,
        ];
        assert_eq!(whole.finish(), u128::from_le_bytes(known));
    }

    #[test]
    fn a_sum_knows_no_order_and_misses_nothing() {
        let entry = |hash, offset, is_tombstone| KeyEntry {
            hash,
            offset,
            is_tombstone,
        };
        let all = [entry(1, 2, false), entry(2, 1, false), entry(7, 7, true)];
        let sum = |entries: &[KeyEntry]| {
            let mut sum = KeySum::default();
            entries.iter().for_each(|&entry| sum.add(entry));
            sum
        };
        let [one, two, three] = all;
        assert_eq!(sum(&all), sum(&[three, one, two]));
        assert_ne!(sum(&all), sum(&[one, two]));
        assert_ne!(
            sum(&all),
            sum(&[entry(1, 1, false), entry(2, 2, false), three])
        );
        assert_ne!(sum(&all), sum(&[one, two, entry(7, 7, false)]));
    }
}
