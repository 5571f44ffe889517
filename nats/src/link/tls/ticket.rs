//! The tickets a worker has given: each lets one stream in, once, soon.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use nexus_events::id::WorkspaceId;
use tokio::time::Instant;

use crate::link::relay::address::StreamId;

/// How long a ticket is good for.
pub(super) const LIFE: Duration = Duration::from_secs(10);
/// Tickets given and not used at once.
const MOST: usize = 1024;
/// Bytes of a secret.
pub(super) const SECRET: usize = 32;

/// What only the worker and the one gateway it told know.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub(super) [u8; SECRET]);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

impl Secret {
    /// A new one; `None` where the system has no randomness.
    fn draw() -> Option<Self> {
        let mut secret = [0; SECRET];
        aws_lc_rs::rand::fill(&mut secret).ok()?;
        Some(Self(secret))
    }

    fn digest(&self) -> Digest {
        digest(&SHA256, &self.0)
    }
}

/// What is shown for a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) workspace: WorkspaceId,
    pub(super) stream: StreamId,
    pub(super) secret: Secret,
}

#[derive(Debug)]
struct Ticket {
    workspace: WorkspaceId,
    digest: Digest,
    good_until: Instant,
}

/// Those given and not used yet.
#[derive(Debug, Default)]
pub(super) struct Tickets(Mutex<HashMap<StreamId, Ticket>>);

impl Tickets {
    /// A secret for one stream to `workspace`; `None` when too many are out.
    pub(super) fn give(
        &self,
        stream: StreamId,
        workspace: WorkspaceId,
        now: Instant,
    ) -> Option<Secret> {
        let secret = Secret::draw()?;
        let ticket = Ticket {
            workspace,
            digest: secret.digest(),
            good_until: now + LIFE,
        };
        let mut tickets = self.lock();
        if tickets.len() >= MOST {
            tickets.retain(|_, ticket| now < ticket.good_until);
        }
        if tickets.len() >= MOST {
            return None;
        }
        tickets.insert(stream, ticket);
        Some(secret)
    }

    /// Takes the ticket for what is claimed, and says whether it is that and still good.
    ///
    /// Whatever is wrong with it takes as long, and leaves nothing for a second attempt.
    pub(super) fn take(&self, claim: &Claim, now: Instant) -> bool {
        let ticket = self.lock().remove(&claim.stream);
        let known = ticket.is_some();
        // In place of one that was never given: its secret is nobody's.
        let ticket = ticket.unwrap_or_else(|| Ticket {
            workspace: claim.workspace,
            digest: digest(&SHA256, &[]),
            good_until: now,
        });
        let same = |a: &[u8], b: &[u8]| verify_slices_are_equal(a, b).is_ok();
        let secret = same(claim.secret.digest().as_ref(), ticket.digest.as_ref());
        let workspace = same(
            claim.workspace.uuid().as_bytes(),
            ticket.workspace.uuid().as_bytes(),
        );
        let good = now < ticket.good_until;
        known & secret & workspace & good
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StreamId, Ticket>> {
        // Every change is a single insert or remove, so a panic elsewhere leaves nothing torn.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(now: Instant) -> (Tickets, Claim) {
        let tickets = Tickets::default();
        let (stream, workspace) = (StreamId::draw(), WorkspaceId::derived("a workspace"));
        let secret = tickets.give(stream, workspace, now).unwrap();
        let claim = Claim {
            workspace,
            stream,
            secret,
        };
        (tickets, claim)
    }

    #[test]
    fn a_ticket_is_good_once() {
        let now = Instant::now();
        let (tickets, claim) = given(now);
        assert!(tickets.take(&claim, now));
        assert!(!tickets.take(&claim, now));
    }

    #[test]
    fn a_ticket_is_good_until_its_time_is_over() {
        let now = Instant::now();
        let (tickets, claim) = given(now);
        assert!(tickets.take(&claim, now + LIFE - Duration::from_millis(1)));
        let (tickets, claim) = given(now);
        assert!(!tickets.take(&claim, now + LIFE));
    }

    #[test]
    fn a_ticket_is_for_one_workspace_one_stream_and_whoever_knows_its_secret() {
        let now = Instant::now();
        let others: [fn(&mut Claim); 3] = [
            |claim| claim.workspace = WorkspaceId::derived("another workspace"),
            |claim| claim.stream = StreamId::draw(),
            |claim| claim.secret.0[SECRET - 1] ^= 1,
        ];
        for change in others {
            let (tickets, claim) = given(now);
            let mut wrong = claim.clone();
            change(&mut wrong);
            assert!(!tickets.take(&wrong, now), "{wrong:?}");
        }
    }

    #[test]
    fn a_wrong_secret_is_the_tickets_end() {
        let now = Instant::now();
        let (tickets, claim) = given(now);
        let mut wrong = claim.clone();
        wrong.secret.0[0] ^= 1;
        assert!(!tickets.take(&wrong, now));
        assert!(!tickets.take(&claim, now));
    }

    #[test]
    fn tickets_that_nobody_uses_make_room_when_their_time_is_over() {
        let now = Instant::now();
        let tickets = Tickets::default();
        let workspace = WorkspaceId::derived("a workspace");
        for _ in 0..MOST {
            assert!(tickets.give(StreamId::draw(), workspace, now).is_some());
        }
        assert_eq!(tickets.give(StreamId::draw(), workspace, now), None);
        let later = now + LIFE;
        assert!(tickets.give(StreamId::draw(), workspace, later).is_some());
    }
}
