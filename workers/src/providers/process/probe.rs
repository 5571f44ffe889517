//! What a sandbox can have on this host, by this user; init finds out, once per worker.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nexus_init_protocol::sandbox::{SandboxCapabilities, SandboxProbe};
use tokio::sync::OnceCell;

use crate::provider::{ErrorClass, ProviderError, Result};

/// Making a sandbox takes milliseconds; a host that needs longer is ill.
const LIMIT: Duration = Duration::from_secs(20);

/// The answer, kept: it changes with the host's settings only, and then the worker is restarted.
#[derive(Debug)]
pub(super) struct Probe {
    init: PathBuf,
    answer: OnceCell<SandboxProbe>,
}

impl Probe {
    pub(super) fn new(init: PathBuf) -> Self {
        Self {
            init,
            answer: OnceCell::new(),
        }
    }

    /// What there is.
    ///
    /// # Errors
    /// [`ErrorClass::Auth`] when no sandbox can be made, with what to change.
    pub(super) async fn answer(&self) -> Result<&SandboxProbe> {
        let answer = self.answer.get_or_try_init(|| ask(&self.init)).await?;
        match answer.usable {
            true => Ok(answer),
            false => Err(ProviderError::new(
                ErrorClass::Auth,
                "making a sandbox",
                answer.reasons.join("; "),
            )
            .with_hint("run the worker as root, allow user namespaces, or use --provider docker")),
        }
    }

    /// What a sandbox has and lacks here.
    pub(super) async fn capabilities(&self) -> Result<Option<&SandboxCapabilities>> {
        Ok(self.answer().await?.capabilities.as_ref())
    }
}

async fn ask(init: &Path) -> Result<SandboxProbe> {
    let attempted = || format!("asking {} what is possible", init.display());
    let mut command = tokio::process::Command::new(init);
    command.arg("probe").stdin(Stdio::null()).kill_on_drop(true);
    let failed = |class, cause: String| ProviderError::new(class, attempted(), cause);
    let output = tokio::time::timeout(LIMIT, command.output())
        .await
        .map_err(|_| {
            failed(
                ErrorClass::Transient,
                format!("no answer in {} s", LIMIT.as_secs()),
            )
        })?
        .map_err(|error| failed(ErrorClass::Absent, error.to_string()))?;
    serde_json::from_slice(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        let cause = format!("{}: {}", output.status, said.trim());
        failed(ErrorClass::Invalid, cause).caused_by(error)
    })
}
