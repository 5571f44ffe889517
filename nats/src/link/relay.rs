//! The relay: byte streams over core messages of NATS, between the gateway and a worker.
//!
//! ```text
//!  gateway ── nexus.link.<node>.<stream> ───────────────────────► worker
//!  gateway ◄── _INBOX_control-plane.link.<node>.<gateway>.<stream> worker
//! ```
//!
//! Each side has one subscription for all of its streams, so that an ended stream leaves nothing
//! behind, and hears every message at once: a frame goes into its stream's buffer, whose size was
//! promised to the peer as credit, so a reader that stalls stops only its own stream.
//!
//! *Nothing is lost or doubled.* Core messages are lost while either side reconnects. Every byte
//! has a number; what the peer has not acknowledged is kept. Messages of one sender come in
//! order, so a frame that tells of more than has come (every frame tells how far its sender has
//! sent) means a loss, and the peer is told from where to send again. After a reconnect each side
//! asks how far the other is; so it does when an acknowledgement is late.
//!
//! *Bounds.* A stream keeps at most its window in each direction; all windows come out of one
//! pool (`pool.rs`). A peer that says nothing for [`SILENCE`] is dead, and so are its streams.
//!
//! Who does what: `frame` is the wire form; `outgoing` and `incoming` are the two directions, and
//! `state` both of them with their timers: pure, told the time; `stream` is the handle with which
//! bytes are read and written, `pump` the one task of a stream, for what is due by the clock;
//! `shared` is what they have in common, and publishes what follows from a change on the spot, to
//! where `wire` leads; `table` finds the stream of a message; `dial` opens one, `answer` takes it.
//!
//! Dropping a stream ends it: what was written before is still sent as far as the peer has room,
//! then the peer is told. After a shut-down, what was written is delivered first.

pub(crate) mod address;
pub(super) mod answer;
pub(super) mod dial;
pub(crate) mod frame;
mod incoming;
mod outgoing;
mod pool;
mod pump;
mod quiet;
mod shared;
mod state;
mod stream;
mod table;
mod wire;

use std::time::Duration;

pub use self::stream::RelayStream;

/// The most bytes of a stream that are under way in one direction.
pub const WINDOW: usize = 256 << 10;

/// A peer that says nothing for so long, while NATS is up, is dead.
pub const SILENCE: Duration = Duration::from_secs(30);
