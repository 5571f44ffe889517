//! A tail of the log over a WebSocket: a text frame an event, the same JSON as everywhere.
//!
//! The reader says where to begin (`after`) and is told every event it may see, once, in order.
//! One that cannot keep up is cut with the sequence to come back with, so that it costs the
//! server a bounded buffer and nobody else any time.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::tail::{End, Tail, Told};

/// How often the other end is asked for a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long the other end may take to take a frame, or to answer a ping.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest message taken from the other end, in bytes: it has nothing to say.
pub(crate) const MOST_INCOMING: usize = 64 * 1024;
/// What is read at a time, in bytes. Each WebSocket has so much for good and clears it before each
/// look whether something came: unless told, 128 KiB.
pub(crate) const READ: usize = 4 * 1024;

/// Tells `tail` to the other end until either ends.
pub(crate) async fn serve(mut socket: WebSocket, mut tail: Tail, after: u64) {
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answered = true;
    // What the other end has taken, which is less than what the tail has given.
    let mut given = after;
    let end = loop {
        tokio::select! {
            told = tail.next() => match told {
                Ok(Told::Event(event)) => {
                    if send(&mut socket, Message::Text(event.json().into())).await.is_err() {
                        break End::Slow(given);
                    }
                    given = event.sequence;
                }
                Ok(Told::CaughtUp { sequence }) => given = sequence,
                Err(end) => break end,
            },
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_))) | Some(Err(_)) | None => return,
                Some(Ok(_)) => answered = true,
            },
            _ = heartbeat.tick() => {
                if !answered || send(&mut socket, Message::Ping(Vec::new().into())).await.is_err() {
                    return;
                }
                answered = false;
            }
        }
    };
    let close = CloseFrame {
        code: end.close_code(),
        reason: reason(&end),
    };
    // It may be the very reader that takes nothing any more.
    let _ = send(&mut socket, Message::Close(Some(close))).await;
}

/// Why, and where to go on: `after=<sequence>: <words>`.
fn reason(end: &End) -> Utf8Bytes {
    format!("after={}: {end}", end.sequence()).into()
}

/// A frame that is not taken in time will not be.
async fn send(socket: &mut WebSocket, message: Message) -> Result<(), ()> {
    match timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}
