//! How many connections may be open: so many a user, so that one cannot take the room of all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nexus_events::id::UserId;
use nexus_events::problem::ProblemCode;

use super::error::Refusal;
use crate::identity::Identity;

/// The most tails one user has at a time. The operator's are limited by connections alone.
const TAILS: usize = 32;

/// The most terminals and streams one user has at a time: a page opens few, an editor many.
const STREAMS: usize = 512;

/// Under what terminals are counted.
pub(crate) const TERMINALS: &str = "nexus_terminal_connections";

/// Connections that are open. Clones share the count.
#[derive(Debug, Clone)]
pub(crate) struct Sockets {
    what: &'static str,
    most: usize,
    open: Arc<Mutex<HashMap<UserId, usize>>>,
    terminals: Arc<AtomicU64>,
}

/// Room for one tail, given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    sockets: Sockets,
    user: Option<UserId>,
    figure: &'static str,
}

impl Sockets {
    /// Tails of the log.
    pub(crate) fn tails() -> Self {
        Self {
            what: "tails",
            most: TAILS,
            open: Arc::default(),
            terminals: Arc::default(),
        }
    }

    /// Terminals and streams.
    pub(crate) fn streams() -> Self {
        Self {
            what: "terminals and streams",
            most: STREAMS,
            open: Arc::default(),
            terminals: Arc::default(),
        }
    }

    /// Room for one more of `identity`, counted under the name `figure`.
    ///
    /// # Errors
    /// `RATE_LIMIT` when they have as many as one may.
    pub(crate) fn room(&self, identity: &Identity, figure: &'static str) -> Result<Room, Refusal> {
        let user = identity.user();
        if let Some(user) = user {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let count = open.entry(user).or_default();
            if *count >= self.most {
                let (most, what) = (self.most, self.what);
                let detail = format!("connections: {most} {what} of yours are open already");
                let hint = "close one of them; one tail can follow several workspaces";
                return Err(Refusal::new(ProblemCode::RateLimit, detail, hint)
                    .naming("connections", "too many"));
            }
            *count += 1;
        }
        metrics::gauge!(figure).increment(1);
        if figure == TERMINALS {
            self.terminals.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Room {
            sockets: self.clone(),
            user,
            figure,
        })
    }

    /// How many terminals are open.
    pub(crate) fn open_terminals(&self) -> u64 {
        self.terminals.load(Ordering::Relaxed)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        metrics::gauge!(self.figure).decrement(1);
        if self.figure == TERMINALS {
            self.sockets.terminals.fetch_sub(1, Ordering::Relaxed);
        }
        let Some(user) = self.user else { return };
        let mut open = self
            .sockets
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_events::id::TokenId;
    use nexus_events::user::Scope;

    use super::*;

    #[test]
    fn one_user_cannot_take_the_room_of_another() {
        let user = |name: &str| Identity::User {
            id: UserId::derived(name),
            scope: Scope::User,
            token: TokenId::derived(name),
        };
        let sockets = Sockets::tails();
        let mut rooms: Vec<Room> = (0..TAILS)
            .map(|_| sockets.room(&user("a"), "test").unwrap())
            .collect();
        assert!(sockets.room(&user("a"), "test").is_err());
        assert!(sockets.room(&user("b"), "test").is_ok());
        assert!(sockets.room(&Identity::Operator, "test").is_ok());
        rooms.pop();
        assert!(sockets.room(&user("a"), "test").is_ok());
    }
}
