//! Stop and delete: the machine goes down, or goes.

use nexus_events::workspace::{Report, Step};
use nexus_nats::clock;

use super::halt::Halt;
use super::perform::Job;
use crate::provider::Provider;

/// Brings the machine down; its files stay, and its ports: whoever connects wakes it.
pub(super) async fn stop<P: Provider>(job: Job<'_, P>) -> Result<Report, Halt> {
    let (workspace, shared) = (job.command.workspace, job.shared);
    let grace = shared.options.stop_grace;
    job.step(
        Step::Stop,
        || shared.provider.stop(workspace, grace),
        |()| None,
    )
    .await?;
    Ok(Report::Stopped { at: clock::now() })
}

/// Removes machine, files and everything this worker keeps of the workspace.
pub(super) async fn delete<P: Provider>(job: Job<'_, P>) -> Result<Report, Halt> {
    let (workspace, shared) = (job.command.workspace, job.shared);
    shared.ports.close(workspace);
    job.step(
        Step::Delete,
        || shared.provider.delete(workspace),
        |()| None,
    )
    .await?;
    shared.positions.forget(workspace);
    Ok(Report::Deleted { at: clock::now() })
}
