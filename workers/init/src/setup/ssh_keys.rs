//! The first step: who works here, who may log in, and by which key the workspace is known.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use nexus_init_protocol::SetupPlan;
use nexus_init_protocol::report::StepDetail;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey, PublicKey};

use super::{StepError, StepResult, failure, secrets};
use crate::context::Context;
use crate::user::{Account, UserFiles};
use crate::workspace::Workspace;

const HOST_KEY: &str = "ssh_host_ed25519_key";

/// Makes the user, its directory, its secrets and the host key; later steps find them in the context.
pub(super) async fn prepare(workspace: &Arc<Workspace>, plan: &SetupPlan) -> StepResult {
    check_keys(&plan.authorized_keys)?;
    let account = find_account(plan)?;
    let prepare_directory = make_directory(Path::new(&plan.workspace_directory), &account);
    prepare_directory.map_err(|error| {
        failure(
            "workspace_directory_unusable",
            format!("making {}: {error}", plan.workspace_directory),
        )
    })?;
    let secrets = secrets::write_all(workspace, &plan.secret_files, &account);
    let secrets = secrets.map_err(|error| {
        failure(
            "secret_store_missing",
            format!("writing secret files: {error}"),
        )
        .hint("mount a tmpfs at /run")
    })?;
    let key = host_key(&workspace.state)
        .map_err(|error| failure("host_key_unusable", format!("the SSH host key: {error}")))?;
    workspace.set_context(Context::of_plan(plan, account, secrets));
    crate::access::apply_plan(workspace, plan);
    crate::credentials::install_for_plan(workspace).await;
    Ok(StepDetail {
        host_key: Some(public_line(&key)?),
        ..StepDetail::default()
    })
}

fn check_keys(lines: &[String]) -> Result<(), StepError> {
    for (index, line) in lines.iter().enumerate() {
        if let Err(error) = PublicKey::from_openssh(line.trim()) {
            let number = index + 1;
            return Err(failure(
                "authorized_key_invalid",
                format!("authorized key {number} is no public key: {error}"),
            )
            .hint("give the one line of a .pub file, without options before it"));
        }
    }
    Ok(())
}

/// Without other ids there is only one user: whoever runs init.
fn find_account(plan: &SetupPlan) -> Result<Account, StepError> {
    if !crate::user::can_change_user() {
        return Ok(Account::current());
    }
    UserFiles::of_system().ensure(&plan.user).map_err(|error| {
        failure(
            "user_not_made",
            format!("making user {}: {error}", plan.user.name),
        )
    })
}

fn make_directory(directory: &Path, account: &Account) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    // Only an empty one is handed over: what is in a filled one belongs to whom it belongs.
    match fs::read_dir(directory)?.next().is_none() {
        true => account.own(directory),
        false => Ok(()),
    }
}

/// The workspace's own key: made once, kept in the state directory, in no image.
pub(crate) fn host_key(state: &Path) -> io::Result<PrivateKey> {
    let path = state.join(HOST_KEY);
    let unreadable = |error| io::Error::other(format!("{}: {error}", path.display()));
    if path.exists() {
        return PrivateKey::from_openssh(fs::read(&path)?).map_err(unreadable);
    }
    let mut seed = [0; 32];
    fill_random(&mut seed)?;
    let pair = russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&seed);
    let key = PrivateKey::from(pair);
    let text = key.to_openssh(LineEnding::LF).map_err(unreadable)?;
    let scratch = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&scratch)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(scratch, &path)?;
    Ok(key)
}

fn fill_random(bytes: &mut [u8]) -> io::Result<()> {
    use std::io::Read;
    let mut source = fs::File::open("/dev/urandom")?;
    source.read_exact(bytes)
}

fn public_line(key: &PrivateKey) -> Result<String, StepError> {
    debug_assert_eq!(key.algorithm(), Algorithm::Ed25519);
    let line = key.public_key().to_openssh();
    line.map_err(|error| failure("host_key_unusable", format!("the SSH host key: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_key_is_made_once_and_no_two_are_equal() {
        let state = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let first = public_line(&host_key(state.path()).unwrap()).unwrap();
        let again = public_line(&host_key(state.path()).unwrap()).unwrap();
        assert_eq!(first, again);
        assert!(first.starts_with("ssh-ed25519 "));
        assert_ne!(
            first,
            public_line(&host_key(other.path()).unwrap()).unwrap()
        );
    }

    #[test]
    fn lines_that_are_no_keys_are_refused_with_their_number() {
        let state = tempfile::tempdir().unwrap();
        let good = public_line(&host_key(state.path()).unwrap()).unwrap();
        assert!(check_keys(&[good.clone(), format!("{good} me@host")]).is_ok());
        for bad in [
            "",
            "ssh-ed25519",
            "command=\"id\" ssh-ed25519 AAAA",
            "hello world",
        ] {
            let error = check_keys(&[good.clone(), bad.to_owned()]).unwrap_err();
            assert_eq!(error.0.code, "authorized_key_invalid");
            assert!(error.0.cause.contains("key 2"), "{}", error.0.cause);
        }
    }
}
