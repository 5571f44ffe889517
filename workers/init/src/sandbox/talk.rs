//! The few words the three lives exchange, a line each.
//!
//! Read byte by byte: the reader of one line must leave the next for the life that comes after it.

use std::io::{self, Read, Write};

use anyhow::{Context as _, bail};

/// Longer than any line that is ever said.
const MOST: usize = 64;

/// Says one line.
pub(super) fn say(to: &mut impl Write, line: &str) -> anyhow::Result<()> {
    let whole = format!("{line}\n");
    to.write_all(whole.as_bytes()).and_then(|()| to.flush()).with_context(|| format!("saying {line:?}"))
}

/// Hears one line.
pub(super) fn hear(from: &mut impl Read) -> anyhow::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < MOST {
        match from.read(&mut byte) {
            Ok(0) => bail!("the other side ended without a word"),
            Ok(_) if byte[0] == b'\n' => {
                return String::from_utf8(line).context("the other side spoke no UTF-8");
            }
            Ok(_) => line.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("listening to the other side"),
        }
    }
    bail!("the other side does not end its line")
}

/// Hears exactly this line.
pub(super) fn expect(from: &mut impl Read, wanted: &str) -> anyhow::Result<()> {
    let heard = hear(from)?;
    if heard != wanted {
        bail!("heard {heard:?} instead of {wanted:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_and_the_next_one_left() {
        let mut both = io::Cursor::new(b"one\ntwo\n".to_vec());
        assert_eq!(hear(&mut both).unwrap(), "one");
        assert!(expect(&mut both, "three").is_err());
        assert!(hear(&mut both).is_err(), "nobody speaks any more");
        assert!(hear(&mut io::repeat(b'x')).is_err(), "a line has an end");
    }
}
