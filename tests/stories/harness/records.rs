//! Records that are known by their number: whoever reads one can tell it byte for byte.

/// The timestamp of record 0; record n is n milliseconds later.
pub const FIRST_MS: i64 = 1_700_000_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub key: Option<Vec<u8>>,
    pub value: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub timestamp_ms: i64,
}

/// Record `number`. Some have no key, an empty value or headers, since absent and empty are
/// easily mixed up; values mix what compresses with what does not.
pub fn record(number: u64) -> Record {
    let mut value = format!("record {number} ").into_bytes();
    value.extend(std::iter::repeat_n(
        b'.',
        usize::try_from(number % 300).unwrap(),
    ));
    value.extend(noise(number).take(usize::try_from(number % 97).unwrap()));
    if number % 11 == 10 {
        value.clear();
    }
    let headers = if number.is_multiple_of(3) {
        vec![
            ("number".to_owned(), number.to_string().into_bytes()),
            ("empty".to_owned(), Vec::new()),
            // A name may come twice, and the order counts.
            ("number".to_owned(), vec![0, 255]),
        ]
    } else {
        Vec::new()
    };
    Record {
        key: (!number.is_multiple_of(7)).then(|| format!("key-{number}").into_bytes()),
        value,
        headers,
        timestamp_ms: FIRST_MS + i64::try_from(number).unwrap(),
    }
}

/// Bytes that no codec makes smaller, the same ones for the same seed (splitmix64).
pub fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_le_bytes()
    })
    .flatten()
}
