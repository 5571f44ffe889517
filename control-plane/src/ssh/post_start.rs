//! A person's own script, run in each of their workspaces once it is ready after a start.
//!
//! It follows from the event, so a start that ended while this server was away runs none: a script
//! found later might have been written for the next start.

use std::time::Duration;

use nexus_events::id::WorkspaceId;
use nexus_init_protocol::{ExecId, ExecSpec};

use super::push::{Push, PushError};
use crate::chain;

/// How long a script may run.
const LIMIT: Duration = Duration::from_secs(600);
/// How much of its output is kept for the log of the server, in bytes of each stream.
const KEPT: usize = 4 << 10;

/// Runs it, once per start: init knows the start by its epoch and runs nothing twice.
pub(super) async fn run(push: Push, workspace: WorkspaceId) {
    if let Err(error) = tried(&push, workspace).await {
        let cause = chain::text(&error);
        tracing::warn!(%workspace, cause, "the script after the start was not run");
    }
}

async fn tried(push: &Push, workspace: WorkspaceId) -> Result<(), PushError> {
    let Some(plan) = push.source.plan(workspace, push.clock.now())? else {
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
