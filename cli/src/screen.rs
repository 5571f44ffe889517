//! What is on the other side of our output: a person's terminal, its width and its alphabet, or a
//! program.

use std::io::IsTerminal as _;

/// The width when there is no terminal to ask.
const USUAL_WIDTH: usize = 80;
/// Wider lines are hard to read.
const WIDEST: usize = 140;
/// Narrower ones are cut anyway.
const NARROWEST: usize = 40;

/// Where output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Screen {
    /// Columns.
    pub(crate) width: usize,
    /// Whether more than ASCII may be printed.
    pub(crate) unicode: bool,
    /// Whether standard output is a terminal.
    pub(crate) data_to_terminal: bool,
    /// Whether standard error is a terminal that can redraw.
    pub(crate) talk_to_terminal: bool,
}

impl Screen {
    /// What the environment says.
    pub(crate) fn from_environment() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            width: width(),
            unicode: locale_is_utf8(),
            data_to_terminal: std::io::stdout().is_terminal(),
            talk_to_terminal: std::io::stderr().is_terminal() && !dumb,
        }
    }

    /// `unicode`, or `ascii` where that cannot be shown.
    pub(crate) const fn or<'a>(&self, unicode: &'a str, ascii: &'a str) -> &'a str {
        if self.unicode { unicode } else { ascii }
    }
}

fn width() -> usize {
    let asked = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    let real = || {
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
        Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
    };
    asked
        .or_else(real)
        .unwrap_or(USUAL_WIDTH)
        .clamp(NARROWEST, WIDEST)
}

/// POSIX's order: the first of these that is set decides.
fn locale_is_utf8() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        })
}
