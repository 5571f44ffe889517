//! Room on disk. A log server that runs into a full disk answers nothing and stays so until it is
//! started again, so nothing is taken in long before that.
//!
//! ```text
//!  free   ≥ 256 MiB   everything is accepted
//!         ≥  64 MiB   what ends or frees something (stop, delete, revoke), and what follows from
//!                     what was accepted before
//!         below       nothing is appended here; what is due is tried again
//! ```
//!
//! The rest is for workers, which tell how it ended, and for other programs on the same disk.

use std::path::Path;

use nexus_events::claim::ClaimCommand;
use nexus_events::node::NodeCommand;
use nexus_events::user::UserCommand;
use nexus_events::workspace::Command;

use crate::settings::Settings;

/// Less than this is no room for anything new.
pub(crate) const LEAST_FREE_BYTES: u64 = 256 << 20;
/// Less than this is no room at all.
pub(crate) const LAST_FREE_BYTES: u64 = 64 << 20;

/// How much may still be written where this server and its log keep their files.
///
/// # Errors
/// What the system says of the home.
pub(crate) fn free_bytes(settings: &Settings) -> std::io::Result<u64> {
    let mut free = free_at(&settings.home)?;
    for path in [
        settings.in_this_home("nats/store"),
        settings.in_this_home("read-model"),
    ] {
        // One that is not there is not used.
        free = free.min(free_at(&path).unwrap_or(u64::MAX));
    }
    Ok(free)
}

fn free_at(path: &Path) -> std::io::Result<u64> {
    let space = rustix::fs::statvfs(path)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// How much has to be free for a command to be taken in.
pub(crate) trait Needs {
    /// In bytes.
    fn needs(&self) -> u64;
}

impl Needs for Command {
    fn needs(&self) -> u64 {
        match self {
            Self::Request { .. }
            | Self::Start { .. }
            | Self::PlaceHold { .. } => LEAST_FREE_BYTES,
            Self::Stop { .. }
            | Self::Delete { .. }
            | Self::DetectIdle { .. }
            | Self::ReleaseHold { .. }
            // Unseen, it would have a workspace stopped that is used.
            | Self::ObserveActivity { .. }
            | Self::Place { .. }
            | Self::Report { .. }
            | Self::ReportService { .. }
            | Self::ReportSshPort { .. }
            | Self::MoveSshPort { .. }
            | Self::ReportExit { .. }
            | Self::TimeOut { .. }
            | Self::Abandon { .. } => LAST_FREE_BYTES,
        }
    }
}

impl Needs for ClaimCommand {
    fn needs(&self) -> u64 {
        match self {
            Self::Claim { .. } | Self::ClaimKey { .. } => LEAST_FREE_BYTES,
            Self::Release { .. } | Self::AdoptKey { .. } | Self::ReleaseKey { .. } => {
                LAST_FREE_BYTES
            }
        }
    }
}

impl Needs for UserCommand {
    fn needs(&self) -> u64 {
        match self {
            Self::Register { .. }
            | Self::AddKey { .. }
            | Self::IssueToken { .. }
            | Self::IssueCertificate { .. }
            | Self::ChangeCredentials { .. }
            | Self::ChangeScripts { .. } => LEAST_FREE_BYTES,
            Self::RemoveKey { .. } | Self::RevokeToken { .. } | Self::Erase { .. } => {
                LAST_FREE_BYTES
            }
        }
    }
}

impl Needs for NodeCommand {
    fn needs(&self) -> u64 {
        LAST_FREE_BYTES
    }
}
