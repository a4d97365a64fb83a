//! Numbers as a reader takes them in: four significant digits in tables, powers of 1000 at axes.

/// Four significant digits at least, thousands apart: `253,860`, `12.35`, `0.01235`.
pub fn significant(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 {
        return "0".into();
    }
    if magnitude >= 999.95 {
        return with_thousands_apart(value);
    }
    let decimals = (3 - magnitude.log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{value:.decimals$}");
    without_trailing_zeros(&text).to_owned()
}

/// A short label: `100`, `20k`, `1.5M`, `0.01`.
pub fn with_prefix(value: f64) -> String {
    let prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    // What rounding leaves of a tick such as 0.1 + 0.2 must not be seen.
    let short = |value: f64| {
        let decimals = if value == 0.0 {
            0
        } else {
            (3 - value.abs().log10().floor() as i32).clamp(0, 9) as usize
        };
        without_trailing_zeros(&format!("{value:.decimals$}")).to_owned()
    };
    let prefix = prefixes
        .iter()
        .find(|(unit, _)| value.abs() >= unit * 0.9999);
    match prefix {
        Some((unit, name)) => format!("{}{name}", short(value / unit)),
        None => short(value),
    }
}

fn with_thousands_apart(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::from(if value < 0.0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn without_trailing_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_keep_four_digits_and_axes_are_short() {
        for (value, table, axis) in [
            (0.0, "0", "0"),
            (0.012_345_6, "0.01235", "0.01235"),
            (12.5, "12.5", "12.5"),
            (999.99, "1,000", "1k"),
            (253_860.4, "253,860", "253.9k"),
            (1_500_000.0, "1,500,000", "1.5M"),
            (-20_000.0, "-20,000", "-20k"),
            (0.1 + 0.2, "0.3", "0.3"),
        ] {
            assert_eq!(significant(value), table);
            assert_eq!(with_prefix(value), axis);
        }
        assert_eq!(significant(f64::NAN), "–");
    }
}
