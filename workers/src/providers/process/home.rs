//! The home directory comes into its user's hands: from outside where root can, else from inside,
//! since the user's id exists only there.

use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};

use nexus_init_protocol::{Client, ClientError, ExecSpec};

use super::base_tree::BaseTree;
use super::directory::Directory;
use super::meta::Meta;

/// More than this is never said by the tool that does it.
const MOST_SAID: usize = 512;

/// As root, before the machine ever ran. Anybody else cannot.
pub(super) fn hand_over(directory: &Directory, meta: &Meta) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let base = BaseTree {
        path: meta.base.clone(),
    };
    match base.ids_of(&meta.user) {
        Some((user, group)) => chown(directory.home(), Some(user), Some(group)),
        None => Ok(()),
    }
}

/// By root of a running sandbox, unless it was done before.
pub(super) async fn hand_over_inside(
    directory: &Directory,
    meta: &Meta,
) -> Result<(), HandOverError> {
    if std::fs::metadata(directory.home())?.uid() != rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let client = Client::connect(directory.socket()).await?;
    let owner = format!("{}:", meta.user);
    let mut command = ExecSpec::new(["chown", "--", &owner, &meta.home]);
    command.user = Some("root".to_owned());
    command.directory = Some("/".to_owned());
    let output = client.exec_to_end(&command, MOST_SAID).await?;
    match output.outcome.is_success() {
        true => Ok(()),
        false => Err(HandOverError::Refused {
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        }),
    }
}

/// Why a home directory stays with who made it.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandOverError {
    #[error("reading its owner")]
    Owner(#[from] io::Error),
    #[error("asking init to do it")]
    Init(#[from] ClientError),
    #[error("chown: {said}")]
    Refused { said: String },
}
