//! The direct way to another host: TLS to a port of the worker, with a ticket for one stream.
//!
//! ```text
//!  gateway ── nexus.ticket.<node>: a stream to a workspace ─────────► worker   over NATS, and
//!  gateway ◄── _INBOX_control-plane.link.<node>…: its secret ──────── worker   meanwhile:
//!  gateway ◄═ TLS 1.3, with the key whose digest the heartbeat tells ═► worker
//!  gateway ── "NXT1", workspace, stream, secret ────────────────────► worker ── connects ──► init
//!  gateway ◄── 1 (or 0 and the reason) ────────────────────────────── worker
//!  gateway ◄──────────── bytes, one connection a stream ────────────► worker ◄─────────────► init
//! ```
//!
//! *Who is who.* The worker has a key pair of its own and sends the bare public key (RFC 7250):
//! there is no authority, no name and nothing that expires, so a certificate would say nothing
//! more. The gateway takes that one key. It proves itself by a secret the worker told it over NATS,
//! where nobody else hears it: good once, for ten seconds, for one stream to one workspace.
//!
//! *Strangers.* Whoever has shown no ticket may send [`ENTRY_BYTES`] within [`ENTRY`], and is told
//! nothing but TLS; of more than [`STRANGERS`] at once the oldest is cut, so that holding
//! connections open keeps nobody out. All wrong tickets are answered alike: by the end.
//!
//! *The end.* A direction that ends is passed on (`close_notify`, then FIN) while the other goes
//! on; a connection that ends without is a reset. Dropping a stream sends what was written first.

mod accept;
mod ask;
mod carry;
mod desk;
mod dial;
mod entry;
mod guarded;
mod key;
mod linger;
mod listen;
mod pin;
mod reach;
mod socket;
mod strangers;
mod stream;
mod ticket;
mod wire;

use std::time::Duration;

pub(super) use self::dial::TlsDialer;
pub use self::key::LinkKey;
pub use self::listen::TlsListen;
pub use self::pin::{Pin, PinError};
pub use self::stream::TlsStream;

/// What leads to the workers that give tickets; a node follows.
pub(crate) const TICKETS: &str = "nexus.ticket";

/// How long a stranger has until its ticket is here.
pub const ENTRY: Duration = Duration::from_secs(3);

/// How many bytes a stranger may send, the handshake among them.
pub const ENTRY_BYTES: usize = 16 << 10;

/// Strangers at once.
pub const STRANGERS: usize = 256;

/// Streams of one worker at once; beyond them there is the relay.
const STREAMS: usize = 1024;

/// Where a worker speaks TLS, and which key is its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TlsAddress {
    /// `host:port`.
    pub(super) place: String,
    pub(super) pin: Pin,
}
