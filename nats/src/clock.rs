//! The time, as the server of the log has it.
//!
//! Deadlines, idle times and the times in events are compared by different programs on different
//! machines, whose clocks may be hours apart or be set while they run. The log's server is the one
//! clock all of them reach, so a process takes the time from it and goes on counting by the
//! monotonic clock, which nobody sets. Until it has asked for the first time, and where there is no
//! server, the machine's own clock counts.
//!
//! ```text
//!  asked at ──────────── answered at      the answer says T; it was T about half-way between
//!           half-way = T                  now = T + what the monotonic clock counted since
//! ```

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::call::CallError;
use crate::connect::Bus;
use crate::topology::EVENTS;

/// Between two questions.
const EVERY: Duration = Duration::from_secs(5);
/// An answer that took longer says too little about when it was given.
const SLOWEST: Duration = Duration::from_secs(1);
/// Less than this is no reason to jump.
const TOLERANCE: SignedDuration = SignedDuration::from_millis(50);
/// Beyond this, a person should see to the machine's clock.
const WRONG: SignedDuration = SignedDuration::from_secs(10);

/// What the server's clock said, and when by the monotonic one. A process has one clock, as its
/// machine has.
static ANCHOR: RwLock<Option<Anchor>> = RwLock::new(None);

#[derive(Debug, Clone, Copy)]
struct Anchor {
    server: Timestamp,
    at: Instant,
}

impl Anchor {
    fn at(&self, now: Instant) -> Timestamp {
        let passed = SignedDuration::try_from(now.saturating_duration_since(self.at));
        self.server
            .saturating_add(passed.unwrap_or(SignedDuration::MAX))
            .unwrap_or(Timestamp::MAX)
    }
}

/// Every answer of the server about a stream or a consumer carries its time.
#[derive(Debug, Deserialize)]
struct Told {
    ts: Timestamp,
}

/// What time it is.
pub fn now() -> Timestamp {
    let anchor = *ANCHOR.read().unwrap_or_else(PoisonError::into_inner);
    anchor.map_or_else(Timestamp::now, |anchor| anchor.at(Instant::now()))
}

impl Bus {
    /// Takes the time from the server; `call` is one whose answer tells it. Gives how far the
    /// machine's own clock is off.
    ///
    /// # Errors
    /// When the server does not answer; the time goes on as it was.
    pub(crate) async fn take_time(&self, call: &str) -> Result<SignedDuration, CallError> {
        let asked = Instant::now();
        let told: Told = self.api("asking for the time", call, &json!({})).await?;
        let took = asked.elapsed();
        let anchor = Anchor {
            server: told.ts,
            at: asked + took / 2,
        };
        // Before the first good answer a rough one is better than a clock that may be hours off.
        if took <= SLOWEST || !is_known() {
            set(anchor);
        }
        Ok(Timestamp::now().duration_since(now()))
    }

    /// Takes the time from the log's stream, as `nexusd` does.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn take_time_of_log(&self) -> Result<SignedDuration, CallError> {
        self.take_time(&time_of_log()).await
    }

    /// Takes the time now and then until `stop`; `call` is one whose answer tells it.
    pub(crate) async fn follow_time(&self, call: &str, stop: &CancellationToken) {
        let mut said = false;
        loop {
            match self.take_time(call).await {
                Ok(off) => {
                    let wrong = off.abs() > WRONG;
                    if wrong && !said {
                        let seconds = off.as_secs();
                        tracing::warn!(
                            seconds,
                            "this machine's clock is off; the time of the log counts"
                        );
                    }
                    said = wrong;
                }
                Err(error) => tracing::debug!(%error, "the time goes on as it was"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Takes the time from the log's stream now and then until `stop`.
    pub async fn follow_time_of_log(&self, stop: CancellationToken) {
        self.follow_time(&time_of_log(), &stop).await;
    }
}

fn is_known() -> bool {
    let anchor = ANCHOR.read().unwrap_or_else(PoisonError::into_inner);
    anchor.is_some()
}

fn time_of_log() -> String {
    format!("STREAM.INFO.{EVENTS}")
}

/// Small differences are how long answers take, and no reason to jump.
fn set(new: Anchor) {
    let mut anchor = ANCHOR.write().unwrap_or_else(PoisonError::into_inner);
    let known = anchor.map(|anchor| anchor.at(new.at));
    let jumps = known.is_none_or(|known| known.duration_since(new.server).abs() > TOLERANCE);
    if jumps {
        *anchor = Some(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_goes_on_by_the_monotonic_clock() {
        let at = Instant::now();
        let anchor = Anchor {
            server: Timestamp::UNIX_EPOCH,
            at,
        };
        let later = anchor.at(at + Duration::from_secs(90));
        assert_eq!(later.as_second(), 90);
        assert_eq!(anchor.at(at), Timestamp::UNIX_EPOCH);
    }
}
