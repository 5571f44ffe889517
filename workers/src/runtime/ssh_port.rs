//! The port for SSH: whose it may be is claimed, whose it is the bind decides.
//!
//! Something that is no Nexus may listen where the workspace is to be reached. The log is told; the
//! control plane claims another port of the pool and tells it in turn, and that one is listened on.

use std::io;
use std::time::Duration;

use nexus_events::failure::{Failure, FailureCode};
use nexus_events::id::WorkspaceId;
use nexus_events::workspace::{Command, Desired, Step, Workspace};
use tokio::time::Instant;

use super::halt::Halt;
use super::perform::Job;
use super::recorder::{RecordError, Recorder};
use super::{Runtime, Shared};
use crate::provider::Provider;

/// Between two looks for the port that comes in the place of one that is taken.
const LOOK: Duration = Duration::from_millis(100);

/// Listens for the workspace that is brought up.
pub(super) async fn open_ssh<P: Provider>(job: Job<'_, P>) -> Result<(), Halt> {
    let Some(mut port) = job.ssh_port else {
        return Ok(());
    };
    let deadline = Instant::now() + job.shared.options.port_patience;
    loop {
        let error = match job.shared.open_ssh(job.command.workspace, port).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let failed = || failure(job, port, &error);
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(failed());
        }
        let report = refused(job.command.epoch, port, &error);
        job.reporter.tell(&format!("ssh-port:{port}"), report).await;
        port = loop {
            match job.reporter.ssh_port().await? {
                Some(other) if other != port => break other,
                Some(_) | None if Instant::now() >= deadline => return Err(failed()),
                Some(_) | None => tokio::time::sleep(LOOK).await,
            }
        };
    }
}

fn refused(epoch: u64, port: u16, error: &io::Error) -> Command {
    Command::ReportSshPort {
        epoch,
        port,
        cause: error.to_string(),
    }
}

fn failure<P>(job: Job<'_, P>, port: u16, error: &io::Error) -> Halt {
    let name = &job.definition.name;
    let failure = Failure::new(
        FailureCode::Conflict,
        format!("port {port} for SSH cannot be listened on, and no other was given: {error}"),
        format!("free it (ss -ltnp sport = :{port}), then: nexus workspace start {name}"),
    );
    failure.in_step(Step::Ssh).into()
}

/// The port the workspace is to answer SSH on.
pub(super) fn ssh_port(state: &Workspace) -> Option<u16> {
    state.definition.as_ref()?.ssh_port
}

impl<P: Provider> Shared<P> {
    async fn open_ssh(&self, workspace: WorkspaceId, port: u16) -> io::Result<u16> {
        self.ports
            .open_ssh(workspace, self.door(workspace), port)
            .await
    }
}

impl<P: Provider> Runtime<P> {
    /// Listens for a workspace that was found again. Where that takes another port, nothing waits
    /// for it.
    pub(super) async fn open_ssh_again(&self, workspace: WorkspaceId, mut recorder: Recorder) {
        let Some(port) = ssh_port(recorder.state()) else {
            return;
        };
        let Err(error) = self.shared.open_ssh(workspace, port).await else {
            return;
        };
        tracing::warn!(%error, %workspace, port, "SSH cannot be listened for");
        if error.kind() != io::ErrorKind::AddrInUse {
            return;
        }
        let (shared, patience) = (self.shared.clone(), self.shared.options.port_patience);
        tokio::spawn(async move {
            let opening = shared.open_another(workspace, port, error, &mut recorder);
            let opening = tokio::time::timeout(patience, opening);
            match shared.ending.run_until_cancelled(opening).await {
                Some(Ok(Err(error))) => tracing::warn!(%error, %workspace, "SSH has no port"),
                Some(Err(_)) => tracing::warn!(%workspace, port, "no other port was given for SSH"),
                Some(Ok(Ok(()))) | None => {}
            }
        });
    }
}

impl<P: Provider> Shared<P> {
    async fn open_another(
        &self,
        workspace: WorkspaceId,
        mut port: u16,
        mut error: io::Error,
        recorder: &mut Recorder,
    ) -> Result<(), RecordError> {
        loop {
            let report = refused(recorder.state().epoch, port, &error);
            recorder.record(None, report).await?;
            let other = |state: &Workspace| ssh_port(state).filter(|other| *other != port);
            while other(recorder.state()).is_none() && is_wanted(recorder.state()) {
                tokio::time::sleep(LOOK).await;
                recorder.catch_up().await?;
            }
            let Some(given) = other(recorder.state()).filter(|_| is_wanted(recorder.state()))
            else {
                return Ok(());
            };
            let opened = self.open_ssh(workspace, given).await;
            recorder.catch_up().await?;
            match opened {
                // A deletion that closed its ports meanwhile has not seen this one.
                Ok(_) if !is_wanted(recorder.state()) => self.ports.close(workspace),
                Ok(_) => {}
                Err(again) if again.kind() == io::ErrorKind::AddrInUse => {
                    (port, error) = (given, again);
                    continue;
                }
                Err(error) => tracing::warn!(%error, %workspace, given, "SSH has no port"),
            }
            return Ok(());
        }
    }
}

fn is_wanted(state: &Workspace) -> bool {
    match state.desired {
        Desired::Running | Desired::Stopped => true,
        Desired::Nothing | Desired::Deleted => false,
    }
}
