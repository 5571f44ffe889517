//! One suite for every log: what holds on a server holds in memory, or tests in memory lie.
//!
//! Each case makes aggregates of its own, so the suite may run on a log that is in use.
#![expect(clippy::unwrap_used, reason = "a suite: what does not hold panics")]

mod appending;
mod deciding;
mod following;

use std::time::Duration;

use jiff::Timestamp;
use nexus_events::claim::{ClaimEvent, ClaimId};
use nexus_events::envelope::{Actor, Context, Envelope};
use nexus_events::id::{CorrelationId, EventId, UserId, WorkspaceId};
use uuid::Uuid;

use crate::event_log::{Expected, Log, NewEvent};

/// How long a case waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs every case.
///
/// # Panics
/// When one does not hold.
pub async fn suite(log: &Log) {
    appending::an_append_moves_the_aggregate(log).await;
    appending::a_wrong_expectation_is_a_conflict(log).await;
    appending::a_retry_is_told_from_a_conflict(log).await;
    appending::an_id_belongs_to_one_aggregate(log).await;
    appending::newer_events_are_read_in_order(log).await;
    appending::of_racing_writers_one_wins_each_round(log).await;
    following::a_tail_gives_every_event_in_order(log).await;
    following::a_tail_says_once_that_it_has_caught_up(log).await;
    following::filters_give_only_what_they_name(log).await;
    following::a_dropped_wait_loses_nothing(log).await;
    deciding::a_decision_is_appended_and_folded(log).await;
    deciding::a_stale_snapshot_is_brought_up_to_date(log).await;
    deciding::a_retried_request_has_one_event(log).await;
    deciding::what_was_told_long_before_is_told_no_more(log).await;
    deciding::writers_in_line_all_get_their_turn(log).await;
}

/// An aggregate nobody else uses.
fn claim() -> ClaimId {
    let owner = UserId::from_uuid(Uuid::now_v7());
    ClaimId::Name {
        owner,
        name: "conformance".parse().expect("a valid name"),
    }
}

fn context() -> Context {
    Context {
        id: EventId::from_uuid(Uuid::now_v7()),
        at: Timestamp::now(),
        actor: Actor::system("conformance"),
        correlation: CorrelationId::from_uuid(Uuid::now_v7()),
        causation: None,
        traceparent: None,
    }
}

/// Any event about a claim.
fn event(claim: &ClaimId) -> NewEvent {
    let workspace = WorkspaceId::from_uuid(Uuid::now_v7());
    let data = ClaimEvent::Claimed {
        workspace,
        at: Timestamp::now(),
    };
    NewEvent::of(&Envelope::new(context(), claim, data)).expect("an event that can be written")
}

/// Appends what must be accepted.
async fn stored(log: &Log, expected: u64, event: &NewEvent) -> u64 {
    let append = log
        .append(Expected::of(expected), event)
        .await
        .expect("an append");
    append
        .sequence()
        .unwrap_or_else(|| panic!("{append:?} after {expected}"))
}
