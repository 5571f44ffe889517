//! Lengths of time, as people write and read them.

use std::time::Duration;

/// Reads `90`, `90s`, `5m`, `2h` or `500ms`.
///
/// # Errors
/// A sentence saying which forms are taken.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let wrong = || format!("`{text}` is no length of time: try `30s`, `5m` or `2h`");
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let milliseconds = match &text[digits.len()..] {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(milliseconds)
        .map(Duration::from_millis)
        .ok_or_else(wrong)
}

/// Milliseconds as `12 ms`, `3.1 s` or `2 m 05 s`: always short, the unit told by the size.
pub(crate) fn show(milliseconds: u64) -> String {
    match milliseconds {
        0..=999 => format!("{milliseconds} ms"),
        1_000..=59_949 => format!("{:.1} s", milliseconds as f64 / 1000.0),
        _ => {
            let seconds = (milliseconds + 500) / 1000;
            match seconds {
                0..=3599 => format!("{} m {:02} s", seconds / 60, seconds % 60),
                3600..=86_399 => format!("{} h {:02} m", seconds / 3600, seconds / 60 % 60),
                _ => format!("{} d {:02} h", seconds / 86_400, seconds / 3600 % 24),
            }
        }
    }
}

/// Milliseconds between two instants; 0 when the later one is not.
pub(crate) fn between(earlier: jiff::Timestamp, later: jiff::Timestamp) -> u64 {
    later
        .as_millisecond()
        .saturating_sub(earlier.as_millisecond())
        .try_into()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        for (text, milliseconds) in [
            ("90", 90_000),
            ("90s", 90_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("500ms", 500),
        ] {
            assert_eq!(
                parse(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in ["", "m", "-1s", "5d", "5 m", "1.5s", "99999999999999999999h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_read_well_at_every_size() {
        for (milliseconds, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (59_949, "59.9 s"),
            (59_950, "1 m 00 s"),
            (125_000, "2 m 05 s"),
            (3_600_000, "1 h 00 m"),
            (90_000_000, "1 d 01 h"),
        ] {
            assert_eq!(show(milliseconds), text);
        }
    }
}
