//! When a server that does not answer is left for another one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long the next one is given before it is left, too.
const CHANCE: Duration = Duration::from_secs(4);

/// What is remembered of servers that did not answer.
#[derive(Debug)]
pub(super) struct Silence {
    several: bool,
    left: Mutex<Option<Instant>>,
}

impl Silence {
    /// Of a client with so many servers to choose from.
    pub(super) fn of(servers: usize) -> Self {
        Self {
            several: servers > 1,
            left: Mutex::default(),
        }
    }

    /// Whether to leave the server now: there is another one, and it was not changed just before.
    pub(super) fn leave(&self) -> bool {
        let now = Instant::now();
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let leave = self.several && left.is_none_or(|left| now.duration_since(left) > CHANCE);
        if leave {
            *left = Some(now);
        }
        leave
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_is_left_for_another_and_not_at_every_question() {
        assert!(!Silence::of(1).leave(), "there is no other");
        let silence = Silence::of(3);
        assert!(silence.leave());
        assert!(!silence.leave(), "the next one has its chance");
        tokio::time::advance(CHANCE + Duration::from_millis(1)).await;
        assert!(silence.leave());
    }
}
