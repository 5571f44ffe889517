//! A person's own script, run in each of their workspaces once it is ready after a start.
//!
//! It follows from the event. A start that ended while this server was away is made up for when the
//! server is back, unless the script was changed since: the new one is meant for the next start.

use std::time::Duration;

use nexus_events::id::WorkspaceId;
use nexus_events::workspace::Phase;
use nexus_init_protocol::{ExecId, ExecSpec};

use super::access::Plan;
use super::push::{Push, PushError};
use crate::chain;

/// How long a script may run.
const LIMIT: Duration = Duration::from_secs(600);
/// How much of its output is kept for the log of the server, in bytes of each stream.
const KEPT: usize = 4 << 10;
/// The pause before a workspace that could not be reached is tried again.
const PAUSE: Duration = Duration::from_secs(10);

/// Runs it, once per start: init knows the start by its epoch and runs nothing twice. Tries until
/// init was reached, or the workspace does not run any more.
pub(super) async fn run(push: Push, workspace: WorkspaceId) {
    while let Err(error) = tried(&push, workspace).await {
        let cause = chain::text(&error);
        tracing::warn!(%workspace, cause, "the script after the start was not run yet");
        tokio::time::sleep(PAUSE).await;
    }
}

/// The start whose script is to be run, or was.
pub(super) fn due(push: &Push, workspace: WorkspaceId) -> Result<Option<Plan>, PushError> {
    let Some(plan) = push.source.plan(workspace, push.clock.now())? else {
        return Ok(None);
    };
    let is_due = plan.phase == Phase::Running
        && plan.has_script()
        && push
            .source
            .queries
            .script_precedes_ready(plan.owner, workspace)?;
    Ok(is_due.then_some(plan))
}

async fn tried(push: &Push, workspace: WorkspaceId) -> Result<(), PushError> {
    let Some(plan) = due(push, workspace)? else {
        return Ok(());
    };
    let Some(argv) = push.source.post_start(&plan).await? else {
        return Ok(());
    };
    // It is to find the credentials.
    push.say(workspace).await?;
    let id = ExecId::new(format!("post-start-{}", plan.epoch))
        .expect("letters, hyphens and digits make an id");
    let mut spec = ExecSpec::new(argv).claimed(id);
    spec.timeout_ms = u64::try_from(LIMIT.as_millis()).ok();
    let client = push.gateway.client(plan.node, workspace);
    let ended = client.exec_to_end(&spec, KEPT).await?;
    tracing::info!(%workspace, outcome = %ended.outcome, "the script after the start ended");
    Ok(())
}
