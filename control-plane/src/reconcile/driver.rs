//! The driver: runs each task on its timer, and the deliveries also on a signal.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{ReconcileError, Reconciler};
use crate::clock::Clock;

/// How soon after a signal deliveries are looked at: the command before is given a moment to end.
const AFTER_SIGNAL: Duration = Duration::from_millis(250);

/// Runs every task until told to stop.
pub(crate) async fn drive(
    reconciler: Reconciler,
    clock: Clock,
    undelivered: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut every_second = ticks(Duration::from_secs(1));
    let mut every_two = ticks(Duration::from_secs(2));
    let mut every_five = ticks(Duration::from_secs(5));
    let mut every_fifteen = ticks(Duration::from_secs(15));
    let mut every_minute = ticks(Duration::from_secs(60));
    loop {
        let now = || clock.now();
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every_second.tick() => {
                note("overdue-operations", reconciler.overdue_operations(now()).await);
            }
            _ = every_two.tick() => note("lost-nodes", reconciler.lost_nodes(now()).await),
            _ = every_five.tick() => {
                note("undelivered-commands", reconciler.undelivered_commands(now()).await);
                reconciler.note_lag().await;
            }
            _ = every_fifteen.tick() => {
                note("idle-workspaces", reconciler.idle_workspaces(now()).await);
            }
            _ = every_minute.tick() => {
                note("orphan-claims", reconciler.orphan_claims(now()).await);
                note("key-claims", reconciler.key_claims(now()).await);
            }
            () = undelivered.notified() => {
                deliver_soon(&reconciler, &clock, &undelivered, &stop).await;
            }
        }
    }
}

/// Delivers in a moment; what is still too young signals again.
async fn deliver_soon(
    reconciler: &Reconciler,
    clock: &Clock,
    undelivered: &Notify,
    stop: &CancellationToken,
) {
    tokio::select! {
        () = stop.cancelled() => return,
        () = tokio::time::sleep(AFTER_SIGNAL) => {}
    }
    let now: Timestamp = clock.now();
    note(
        "undelivered-commands",
        reconciler.undelivered_commands(now).await,
    );
    if reconciler.has_young_operations(now).unwrap_or(false) {
        undelivered.notify_one();
    }
}

fn ticks(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

fn note(task: &'static str, outcome: Result<usize, ReconcileError>) {
    match outcome {
        Ok(changed) => {
            if changed > 0 {
                tracing::debug!(task, changed, "reconciled");
            }
            metrics::counter!("nexus_reconciled_total", "task" => task).increment(changed as u64);
        }
        Err(error) => {
            tracing::warn!(
                task,
                error = &error as &dyn std::error::Error,
                "runs again soon"
            );
            metrics::counter!("nexus_reconcile_errors_total", "task" => task).increment(1);
        }
    }
}
