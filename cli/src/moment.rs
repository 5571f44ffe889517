//! A moment of the past, as people write it: a time, or so long ago.

use jiff::{SignedDuration, Timestamp};

/// Reads `2026-11-20T10:00:00Z`, `7d`, `12h`, `30m` or `90s` as of `now`.
///
/// # Errors
/// A sentence saying which forms are taken.
pub(crate) fn parse(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let wrong = || format!("`{text}` is no moment: try `7d`, `12h` or `2026-11-20T10:00:00Z`");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: i64 = text[..text.len() - unit.len_utf8()]
        .parse()
        .map_err(|_| wrong())?;
    let seconds = match unit {
        's' => Some(number),
        'm' => number.checked_mul(60),
        'h' => number.checked_mul(3_600),
        'd' => number.checked_mul(86_400),
        'w' => number.checked_mul(7 * 86_400),
        _ => None,
    };
    let ago = seconds.filter(|seconds| *seconds >= 0).ok_or_else(wrong)?;
    now.checked_sub(SignedDuration::from_secs(ago))
        .map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_lengths_of_time_are_read() {
        let now: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        for (text, time) in [
            ("7d", "2026-11-23T12:00:00Z"),
            ("12h", "2026-11-30T00:00:00Z"),
            ("90s", "2026-11-30T11:58:30Z"),
            ("1w", "2026-11-23T12:00:00Z"),
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ] {
            assert_eq!(parse(text, now), Ok(time.parse().unwrap()), "{text}");
        }
        for text in ["", "d", "-1d", "7", "7y", "yesterday", "99999999999999999d"] {
            assert!(parse(text, now).is_err(), "{text}");
        }
    }
}
