//! What the server says to a reader beside messages.

use async_nats::Message;

/// What a status message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// It is there and has nothing.
    Alive,
    /// A request has ended, this much of it unfilled: ask again.
    Ended {
        /// How many messages it will not get.
        unfilled: u64,
    },
    /// The consumer or its leader is gone: make another one.
    Gone,
}

/// Reads a status message (ADR-13).
pub(crate) fn control(message: &Message) -> Control {
    let status = message.status.map_or(0, |status| status.as_u16());
    let unfilled = header(message, "Nats-Pending-Messages");
    match (status, unfilled) {
        (100, _) => Control::Alive,
        (408 | 409, Some(unfilled)) => Control::Ended { unfilled },
        // Consumer deleted, leadership change, shutdown, no responders, and what is not known.
        _ => Control::Gone,
    }
}

fn header(message: &Message, name: &str) -> Option<u64> {
    message.headers.as_ref()?.get(name)?.as_str().parse().ok()
}
