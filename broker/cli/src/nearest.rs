//! The name that was most likely meant.

/// Names as far from the word as this are none that was meant.
const SIMILARITY_MIN: f64 = 0.75;

/// How many names are worth reading.
const COUNT_MAX: usize = 3;

/// The names most like the word, the nearest first.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found: Vec<(f64, &str)> = names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(word, name), name))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .collect();
    found.sort_by(|(a, left), (b, right)| b.total_cmp(a).then(left.cmp(right)));
    found.truncate(COUNT_MAX);
    found.into_iter().map(|(_, name)| name).collect()
}

/// `did you mean a, b or c?`; nothing if no name is near.
pub fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = nearest(word, names);
    let (last, others) = near.split_last()?;
    Some(match others {
        [] => format!("did you mean {last}?"),
        others => format!("did you mean {} or {last}?", others.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let names = ["orders", "orders-dead", "payments"];
        assert_eq!(
            did_you_mean("order", names).unwrap(),
            "did you mean orders or orders-dead?"
        );
        assert_eq!(
            did_you_mean("paymets", names).unwrap(),
            "did you mean payments?"
        );
        assert_eq!(did_you_mean("x", names), None);
    }
}
