//! What nexusd says while it runs: lines on standard error, as much as `NEXUS_LOG` asks for.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Without `NEXUS_LOG`: what an operator wants to know, and what libraries worry about.
const DEFAULT: &str = "info,async_nats=warn,russh=warn";

/// Sends the lines to standard error; for people on a terminal, else one JSON object a line
/// where `NEXUS_LOG_FORMAT=json`.
pub fn install() {
    let filter = EnvFilter::try_from_env("NEXUS_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let json = std::env::var_os("NEXUS_LOG_FORMAT").is_some_and(|format| format == "json");
    // A recorder that is in place already, as in tests, stays.
    let _ = if json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
}
