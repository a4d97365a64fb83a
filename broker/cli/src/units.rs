//! How numbers are read and written: durations, sizes, points in time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// `500ms`, `30s`, `1h 30m`; a number alone is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}: write 500ms, 30s, 5m, 2h or 7d"))
}

/// A point in time, in ms since 1970: `2026-11-24T18:30:00Z`, `2026-11-24 18:30:00` (UTC),
/// `2026-11-24`, or the milliseconds themselves.
pub fn timestamp_ms(text: &str) -> Result<i64, String> {
    if let Ok(timestamp_ms) = text.parse::<i64>() {
        return Ok(timestamp_ms);
    }
    let day_only = text.len() == "2026-11-24".len();
    let whole = match day_only {
        true => format!("{text}T00:00:00Z"),
        false => text.to_owned(),
    };
    let time = humantime::parse_rfc3339_weak(&whole).map_err(|error| {
        format!("{error}: write 2026-11-24T18:30:00Z (UTC), or milliseconds since 1970")
    })?;
    Ok(millis(time))
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    millis(SystemTime::now())
}

fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A timestamp as people read it: `2026-11-24T18:30:00.123Z`; `-` for none.
pub fn time(timestamp_ms: i64) -> String {
    match u64::try_from(timestamp_ms) {
        Ok(since_ms) => {
            let time = UNIX_EPOCH + Duration::from_millis(since_ms);
            humantime::format_rfc3339_millis(time).to_string()
        }
        Err(_) => "-".to_owned(),
    }
}

/// A size as people read it: `0 B`, `1.5 MiB`.
pub fn size(bytes: i64) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

/// A time that has passed, by its two largest parts: `350ms`, `2m 5s`, `3h 12m`, `4d 1h`.
pub fn age(ms: i64) -> String {
    let seconds = ms / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match ms {
        ..1000 => format!("{ms}ms"),
        1000..60_000 => format!("{}.{}s", seconds, ms % 1000 / 100),
        60_000..3_600_000 => format!("{minutes}m {}s", seconds % 60),
        3_600_000..86_400_000 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_people_write_them() {
        assert_eq!(duration("5"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert!(duration("soon").unwrap_err().contains("30s"));
    }

    #[test]
    fn points_in_time_are_dates_or_milliseconds() {
        assert_eq!(timestamp_ms("1500"), Ok(1500));
        assert_eq!(timestamp_ms("1970-01-02"), Ok(86_400_000));
        assert_eq!(timestamp_ms("1970-01-01T00:00:01Z"), Ok(1000));
        assert_eq!(timestamp_ms("1970-01-01 00:00:01"), Ok(1000));
        assert!(
            timestamp_ms("yesterday")
                .unwrap_err()
                .contains("milliseconds")
        );
        assert_eq!(time(1000), "1970-01-01T00:00:01.000Z");
        assert_eq!(time(-1), "-");
    }

    #[test]
    fn sizes_and_ages_have_the_unit_that_suits() {
        let sizes = [0, 1023, 1536, 5 << 30].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
        let ages = [350, 2_500, 125_000, 11_520_000, 349_200_000].map(age);
        assert_eq!(ages, ["350ms", "2.5s", "2m 5s", "3h 12m", "4d 1h"]);
    }
}
