//! Deciding through the repository.

use jiff::{SignedDuration, Timestamp};
use nexus_events::aggregate::Aggregate;
use nexus_events::claim::{Claim, ClaimCommand, ClaimRejection, Holder};
use nexus_events::id::WorkspaceId;
use uuid::Uuid;

use super::{claim, context};
use crate::event_log::Log;
use crate::repository::{Effect, ExecuteError, Repository, Snapshot};

fn take(workspace: WorkspaceId) -> ClaimCommand {
    ClaimCommand::Claim {
        workspace,
        at: Timestamp::now(),
        quarantine: SignedDuration::ZERO,
    }
}

fn workspace() -> WorkspaceId {
    WorkspaceId::from_uuid(Uuid::now_v7())
}

fn sequence<E>(effect: &Effect<E>) -> Option<u64> {
    match effect {
        Effect::Appended { sequence, .. } => Some(*sequence),
        Effect::Nothing(_) => None,
    }
}

pub(super) async fn a_decision_is_appended_and_folded(log: &Log) {
    let claims = Repository::<Claim>::new(log.clone());
    let (id, holder) = (claim(), workspace());
    let decide = |state: &Claim| state.decide(&take(holder));
    let outcome = claims
        .execute(&id, Snapshot::empty(), decide, context)
        .await
        .unwrap();
    assert_eq!(outcome.snapshot.state.holder, Some(holder.into()));
    assert_eq!(sequence(&outcome.effect), Some(outcome.snapshot.sequence));
    assert_eq!(claims.load(&id).await.unwrap(), outcome.snapshot);

    let again = claims
        .execute(&id, outcome.snapshot.clone(), decide, context)
        .await
        .unwrap();
    assert!(
        matches!(again.effect, Effect::Nothing(_)),
        "held already: {again:?}"
    );
    let other = workspace();
    let refused = claims
        .execute(
            &id,
            outcome.snapshot,
            |state| state.decide(&take(other)),
            context,
        )
        .await
        .unwrap_err();
    assert!(
        matches!(refused, ExecuteError::Rejected(ClaimRejection::Held { .. })),
        "{refused:?}"
    );
}

pub(super) async fn a_stale_snapshot_is_brought_up_to_date(log: &Log) {
    let claims = Repository::<Claim>::new(log.clone());
    let (id, first, second) = (claim(), workspace(), workspace());
    let take_first = |state: &Claim| state.decide(&take(first));
    let taken = claims
        .execute(&id, Snapshot::empty(), take_first, context)
        .await
        .unwrap();
    let release = ClaimCommand::Release {
        workspace: first,
        at: Timestamp::now(),
    };
    let free = claims
        .execute(&id, taken.snapshot, |s| s.decide(&release), context)
        .await
        .unwrap();

    // Knows of nothing, and is right all the same.
    let take_second = |state: &Claim| state.decide(&take(second));
    let outcome = claims
        .execute(&id, Snapshot::empty(), take_second, context)
        .await
        .unwrap();
    assert!(sequence(&outcome.effect) > Some(free.snapshot.sequence));
    assert_eq!(outcome.snapshot, claims.load(&id).await.unwrap());
    let refused = claims
        .execute(&id, Snapshot::empty(), take_first, context)
        .await
        .unwrap_err();
    assert!(matches!(refused, ExecuteError::Rejected(_)), "{refused:?}");
}

pub(super) async fn a_retried_request_has_one_event(log: &Log) {
    let claims = Repository::<Claim>::new(log.clone());
    let (id, holder, context) = (claim(), workspace(), context());
    let decide = |state: &Claim| state.decide(&take(holder));
    let first = claims
        .execute(&id, Snapshot::empty(), decide, || context.clone())
        .await
        .unwrap();
    let again = claims
        .execute(&id, Snapshot::empty(), decide, || context.clone())
        .await
        .unwrap();
    assert_eq!(again, first, "the same answer, event and all");
    assert_eq!(
        log.last(&crate::EventSubject::new(Claim::KIND, &id).unwrap())
            .await
            .unwrap()
            .map(|event| event.sequence),
        sequence(&first.effect)
    );
}

/// A worker that is told its command once more reports what it reported before, under the same ids,
/// and knows of more than that by now.
pub(super) async fn what_was_told_long_before_is_told_no_more(log: &Log) {
    let claims = Repository::<Claim>::new(log.clone());
    let (id, holder, told) = (claim(), workspace(), context());
    let take = |state: &Claim| state.decide(&take(holder));
    let release = ClaimCommand::Release {
        workspace: holder,
        at: Timestamp::now(),
    };
    let first = claims.execute(&id, Snapshot::empty(), take, || told.clone());
    let first = first.await.unwrap();
    let free = claims
        .execute(&id, first.snapshot.clone(), |s| s.decide(&release), context)
        .await
        .unwrap();
    // As decided now it could happen again; under this id it has happened.
    let again = claims.execute(&id, free.snapshot.clone(), take, || told.clone());
    let again = again.await.unwrap();
    assert_eq!(sequence(&again.effect), sequence(&first.effect));
    assert_eq!(again.snapshot, free.snapshot);
    let subject = crate::EventSubject::new(Claim::KIND, &id).unwrap();
    assert_eq!(log.read_after(&subject, 0).await.unwrap().len(), 2);
}

/// Every writer knows of nothing and claims or releases; all are answered, none is starved.
pub(super) async fn writers_in_line_all_get_their_turn(log: &Log) {
    let claims = Repository::<Claim>::new(log.clone());
    let id = claim();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (claims, id, holder) = (claims.clone(), id.clone(), workspace());
        writers.spawn(async move {
            let decide = |state: &Claim| match state.holder.and_then(Holder::workspace) {
                Some(holder) => state.decide(&ClaimCommand::Release {
                    workspace: holder,
                    at: Timestamp::now(),
                }),
                None => state.decide(&take(holder)),
            };
            claims
                .execute(&id, Snapshot::empty(), decide, context)
                .await
                .unwrap()
        });
    }
    let mut sequences: Vec<_> = writers
        .join_all()
        .await
        .iter()
        .filter_map(|outcome| sequence(&outcome.effect))
        .collect();
    sequences.sort_unstable();
    sequences.dedup();
    assert_eq!(sequences.len(), 16, "each appended an event of its own");
    let subject = crate::EventSubject::new(Claim::KIND, &id).unwrap();
    assert_eq!(log.read_after(&subject, 0).await.unwrap().len(), 16);
}
