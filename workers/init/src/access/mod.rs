//! Who may log in: one document, told by the control plane, kept over restarts.
//!
//! A document replaces the one before it whole, unless it is older. Until the first comes the keys of
//! the plan count, as revision 0. Whoever is logged in and may not be any more is let go at once.

mod login;
mod policy;

pub(crate) use self::login::{Login, Permits};
pub(crate) use self::policy::Policy;
#[cfg(feature = "testing")]
pub(crate) use self::policy::{read_document, read_lines};

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use nexus_init_protocol::{Access, Answer, Failure, FailureCode, SetupPlan};

use crate::sync::Lock;
use crate::workspace::Workspace;

const FILE: &str = "access.json";

/// The document in force.
#[derive(Debug)]
pub(crate) struct AccessStore {
    path: PathBuf,
    policy: Mutex<Arc<Policy>>,
}

impl AccessStore {
    /// Reads what an earlier life kept; nobody may log in when there is nothing.
    pub(crate) fn open(state: &Path) -> io::Result<Self> {
        let path = state.join(FILE);
        let access = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Access::default(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            path,
            policy: Mutex::new(Arc::new(Policy::of(&access))),
        })
    }

    /// What counts at this moment.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.policy.hold().clone()
    }

    /// The keys of a plan count until a document comes.
    fn take_plan(&self, plan: &SetupPlan) {
        let mut policy = self.policy.hold();
        if policy.revision() == 0 {
            *policy = Arc::new(Policy::of(&Access {
                authorized_keys: plan.authorized_keys.clone(),
                allow_agent_forwarding: plan.allow_agent_forwarding,
                ..Access::default()
            }));
        }
    }

    /// Takes a document unless a newer one is in force; true when it was taken.
    fn take(&self, access: &Access) -> io::Result<bool> {
        let mut policy = self.policy.hold();
        if access.revision < policy.revision() {
            return Ok(false);
        }
        keep(&self.path, &serde_json::to_vec(access)?)?;
        *policy = Arc::new(Policy::of(access));
        Ok(true)
    }
}

/// Replaces a file whole, readable by init alone.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let scratch = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&scratch)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(scratch, path)
}

/// The plan's keys are in force where nothing newer is.
pub(crate) fn apply_plan(workspace: &Workspace, plan: &SetupPlan) {
    workspace.access.take_plan(plan);
    workspace.ssh.access_changed(&workspace.access.policy());
}

/// Answers a `SetAccess` request.
pub(crate) fn set(workspace: &Workspace, access: &Access) -> Result<Answer, Failure> {
    let taken = workspace.access.take(access).map_err(|error| {
        let message = format!("keeping who may log in: {error}");
        Failure::new(FailureCode::Internal, message)
    })?;
    if taken {
        workspace.ssh.access_changed(&workspace.access.policy());
    }
    Ok(Answer::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(revision: u64) -> Access {
        Access {
            revision,
            ..Access::default()
        }
    }

    #[test]
    fn the_newest_document_counts_and_is_found_again() {
        let state = tempfile::tempdir().unwrap();
        let store = AccessStore::open(state.path()).unwrap();
        assert!(store.take(&document(7)).unwrap());
        assert!(!store.take(&document(6)).unwrap(), "an older one");
        assert!(
            store.take(&document(7)).unwrap(),
            "the same again, perhaps with a new host certificate"
        );
        let again = AccessStore::open(state.path()).unwrap();
        assert_eq!(again.policy().revision(), 7);
        again.take_plan(&SetupPlan::new("op", 1));
        assert_eq!(again.policy().revision(), 7, "a plan is older than any");
    }
}
