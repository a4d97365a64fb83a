//! Kafka's way to write a UUID: base64 with `-` and `_`, no padding, 22 characters.

use uuid::Uuid;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A UUID as Kafka's tools show topic ids and cluster ids.
pub fn kafka_text(id: Uuid) -> String {
    // 128 bits are 21 digits of 6 bits and one of 2, which is padded with zeros on the right.
    let bits = id.as_u128();
    (0..22)
        .map(|digit| {
            let six = match digit {
                21 => bits << 4,
                _ => bits >> (122 - 6 * digit),
            };
            let at = (six & 0x3f) as usize;
            ALPHABET.get(at).map_or('A', |c| char::from(*c))
        })
        .collect()
}

/// The UUID that Kafka writes so.
pub fn from_kafka_text(text: &str) -> Option<Uuid> {
    let digits = text
        .bytes()
        .map(|byte| ALPHABET.iter().position(|c| *c == byte));
    let digits: Option<Vec<u128>> = digits.map(|digit| Some(digit? as u128)).collect();
    let digits = digits.filter(|digits| digits.len() == 22)?;
    let (last, first) = digits.split_last()?;
    let bits = first.iter().fold(0, |bits: u128, digit| bits << 6 | digit);
    // Of the last digit, only the upper 2 of its 6 bits belong to the id.
    let is_padded = last & 0xf == 0;
    is_padded.then_some(Uuid::from_u128(bits << 2 | last >> 4))
}

/// An id for a new cluster, made of what `random` gives. Like Kafka's, it does not begin with `-`,
/// which a shell would take for an option.
pub fn random_cluster_id(mut random: impl FnMut() -> u128) -> String {
    loop {
        let id = kafka_text(uuid::Builder::from_random_bytes(random().to_be_bytes()).into_uuid());
        if !id.starts_with('-') {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_as_kafka_writes_them() {
        assert_eq!(kafka_text(Uuid::nil()), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(kafka_text(Uuid::max()), "_____________________w");
        // What Kafka's own Uuid prints for this id.
        let id = Uuid::from_u128(0xb7d1_3c54_92a0_4f6e_8c35_0ee4_d0a9_61fb);
        assert_eq!(kafka_text(id), "t9E8VJKgT26MNQ7k0Klh-w");
        assert_eq!(random_cluster_id(|| 7).len(), 22);
        for id in [id, Uuid::nil(), Uuid::max()] {
            assert_eq!(from_kafka_text(&kafka_text(id)), Some(id));
        }
        for text in [
            "",
            "t9E8VJKgT26MNQ7k0Klh-",
            "t9E8VJKgT26MNQ7k0Klh-x",
            "+9E8VJKgT26MNQ7k0Klh-w",
        ] {
            assert_eq!(from_kafka_text(text), None, "{text}");
        }
    }
}
