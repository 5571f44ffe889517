//! The two streams: data to standard output, talk to standard error. Colours are dropped where
//! they cannot be shown or are not wanted.

use std::io::{self, Write as _};

use crate::error::{Error, Result};
use crate::exit::Exit;

/// Writes `text` as it is to standard output, now.
///
/// # Errors
/// Standard output is closed or full. A reader that went away (`| head`) is told apart by
/// [`is_closed`], since nobody is left to read an error.
pub(crate) fn data(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| unwritable(&error))
}

/// Writes bytes that must not be changed in any way to standard output, now.
///
/// # Errors
/// See [`data`].
pub(crate) fn bytes(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| unwritable(&error))
}

/// Writes bytes that must not be changed in any way to standard error, now.
///
/// # Errors
/// See [`data`].
pub(crate) fn error_bytes(bytes: &[u8]) -> Result<()> {
    io::stderr()
        .lock()
        .write_all(bytes)
        .map_err(|error| unwritable(&error))
}

/// Says `text` to the person, in a line of its own. Nobody listening is no error.
pub(crate) fn say(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

const RED: &str = "\u{1b}[1;31m";
const CYAN: &str = "\u{1b}[36m";
const PLAIN: &str = "\u{1b}[0m";

/// Says what went wrong, in the three lines every error has.
pub(crate) fn complain(error: &Error) {
    if is_closed(error) {
        return;
    }
    let text = error.to_string();
    let coloured = text
        .replacen("error:", &format!("{RED}error:{PLAIN}"), 1)
        .replacen("\n next: ", &format!("\n next: {CYAN}"), 1);
    say(&format!("{coloured}{PLAIN}"));
}

const CLOSED: &str = "the reader went away";

fn unwritable(error: &io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::BrokenPipe => CLOSED.to_owned(),
        _ => error.to_string(),
    };
    Error::new(
        Exit::Failure,
        "write the output",
        why,
        "check where it goes to",
    )
}

fn is_closed(error: &Error) -> bool {
    error.why == CLOSED
}
