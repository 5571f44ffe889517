//! Secrets of the workspace's owner: variables for new processes, files for the work user.
//!
//! Variables are kept in memory and nowhere else. Files are written with the rights of the work user,
//! readable by nobody else; what is no longer among them is removed, also after a restart of init,
//! which remembers their places and never their content.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use nexus_init_protocol::file::FileWrite;
use nexus_init_protocol::{Answer, Credentials, Failure, FailureCode, SecretText};

use crate::files;
use crate::sync::Lock;
use crate::user::Account;
use crate::workspace::Workspace;

/// Where the places of the files are remembered, below the state directory.
const PLACES: &str = "credential-places.json";

/// Variables every new process gets.
pub(crate) type CredentialEnv = Arc<BTreeMap<String, SecretText>>;

/// The credentials in force.
#[derive(Debug, Default)]
pub(crate) struct CredentialStore {
    held: Mutex<Held>,
    /// One document is installed at a time.
    installing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Held {
    revision: u64,
    env: CredentialEnv,
    files: BTreeMap<String, SecretText>,
    /// What this life of init has written, so that a file the user has changed since is left alone
    /// until its content changes here too.
    written: BTreeMap<PathBuf, SecretText>,
}

impl CredentialStore {
    pub(crate) fn revision(&self) -> u64 {
        self.held.hold().revision
    }

    pub(crate) fn env(&self) -> CredentialEnv {
        self.held.hold().env.clone()
    }
}

/// Answers a `SetCredentials` request.
pub(crate) async fn set(
    workspace: &Workspace,
    credentials: Credentials,
) -> Result<Answer, Failure> {
    check(&credentials)?;
    let store = &workspace.credentials;
    let _one_at_a_time = store.installing.lock().await;
    {
        let mut held = store.held.hold();
        if credentials.revision < held.revision {
            return Ok(Answer::Done);
        }
        held.revision = credentials.revision;
        held.env = Arc::new(credentials.env);
        held.files = credentials.files;
    }
    workspace.renew_context();
    install(workspace).await?;
    Ok(Answer::Done)
}

/// Writes the files once more where they belong: credentials that came before the plan were written
/// for whoever the work user was then.
pub(crate) async fn install_for_plan(workspace: &Workspace) {
    let _one_at_a_time = workspace.credentials.installing.lock().await;
    if workspace.credentials.revision() == 0 {
        return;
    }
    if let Err(failure) = install(workspace).await {
        tracing::warn!(%failure, "a credential file could not be written");
    }
}

fn check(credentials: &Credentials) -> Result<(), Failure> {
    let invalid = |message: String| Err(Failure::new(FailureCode::Invalid, message));
    for (name, value) in &credentials.env {
        if name.is_empty() || name.contains(['=', '\0']) || value.expose_secret().contains('\0') {
            return invalid(format!("{name:?} cannot be a variable"));
        }
    }
    let places = credentials.files.keys();
    match places.into_iter().find(|place| !is_place(place)) {
        Some(place) => invalid(format!("{place:?} is neither absolute nor below ~/")),
        None => Ok(()),
    }
}

fn is_place(place: &str) -> bool {
    let is_rooted = place.starts_with('/') || place.starts_with("~/");
    let climbs = Path::new(place)
        .components()
        .any(|part| part == std::path::Component::ParentDir);
    is_rooted && !climbs && !place.ends_with('/') && !place.contains('\0')
}

fn resolve(place: &str, account: &Account) -> PathBuf {
    match place.strip_prefix("~/") {
        Some(rest) => account.home.join(rest),
        None => PathBuf::from(place),
    }
}

/// Removes files that are not wanted any more, then writes those that are. All are tried; the first
/// failure is told.
async fn install(workspace: &Workspace) -> Result<(), Failure> {
    let wanted = workspace.credentials.held.hold().files.clone();
    let account = workspace.context().account.clone();
    let wanted: BTreeMap<PathBuf, SecretText> = wanted
        .into_iter()
        .map(|(place, content)| (resolve(&place, &account), content))
        .collect();
    let list = workspace.state.join(PLACES);
    let earlier = read_places(&list);
    let places: BTreeSet<PathBuf> = earlier.iter().chain(wanted.keys()).cloned().collect();
    // Remembered before anything is written: what is there has to be found again.
    remember(&list, &places).map_err(|error| internal(&error))?;
    let mut failed = None;
    for place in earlier.iter().filter(|place| !wanted.contains_key(*place)) {
        workspace.credentials.held.hold().written.remove(place);
        let path = place.clone();
        let removed = files::as_account(account.clone(), move || files::remove_path(&path, false));
        failed = failed.or(removed.await.err());
    }
    for (place, content) in &wanted {
        failed = failed.or(write(workspace, &account, place, content).await.err());
    }
    let kept = wanted.into_keys().collect();
    remember(&list, &kept).map_err(|error| internal(&error))?;
    failed.map_or(Ok(()), Err)
}

async fn write(
    workspace: &Workspace,
    account: &Account,
    place: &Path,
    content: &SecretText,
) -> Result<(), Failure> {
    if workspace.credentials.held.hold().written.get(place) == Some(content) {
        return Ok(());
    }
    let mut file = FileWrite::new(place.display().to_string());
    file.mode = 0o600;
    file.make_parents = true;
    let (path, text) = (place.to_owned(), content.clone());
    let bytes = move || files::write_whole(&path, text.expose_secret().as_bytes(), &file);
    files::as_account(account.clone(), bytes).await?;
    let mut held = workspace.credentials.held.hold();
    held.written.insert(place.to_owned(), content.clone());
    Ok(())
}

fn read_places(list: &Path) -> BTreeSet<PathBuf> {
    let read = fs::read(list).ok();
    read.and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

fn remember(list: &Path, places: &BTreeSet<PathBuf>) -> io::Result<()> {
    let scratch = list.with_extension("new");
    fs::write(&scratch, serde_json::to_vec(places)?)?;
    fs::rename(scratch, list)
}

fn internal(error: &io::Error) -> Failure {
    let message = format!("remembering where credentials are: {error}");
    Failure::new(FailureCode::Internal, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_that_cannot_be_mistaken_are_taken() {
        for good in ["~/.netrc", "~/.claude/.credentials.json", "/run/x"] {
            assert!(is_place(good), "{good}");
        }
        for bad in ["", "x", "~", "~root/x", "~/../x", "/a/../b", "/a/", "~/a\0"] {
            assert!(!is_place(bad), "{bad}");
        }
    }
}
