//! Removing what the users of a sandbox left on the host: without root their files belong to ids
//! that only a user namespace with the same mapping has any right to.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context as _, ensure};
use nexus_init_protocol::sandbox::IdMode;
use rustix::thread::UnshareFlags;

use super::family::{self, Pipe};
use super::ids;

/// Removes a directory with all in it, as root of the ids a sandbox of this user has.
pub(crate) fn remove(directory: &Path) -> anyhow::Result<()> {
    let mode = ids::choose();
    if mode == IdMode::Root {
        return remove_tree(directory);
    }
    let (mut says, mut mapped) = (Pipe::new()?, Pipe::new()?);
    let Some(child) = family::fork().context("forking")? else {
        says.close_read();
        mapped.close_write();
        let result = remove_inside(mode, directory, &mut says, &mut mapped);
        let text = result.map_or_else(|error| format!("{error:#}"), |()| "removed".to_owned());
        family::exit_with(says.tell(&text));
    };
    says.close_write();
    mapped.close_read();
    says.expect("user namespace")?;
    if let Err(error) = ids::map(child.process_id(), mode) {
        child.kill();
        return Err(error).context("mapping ids");
    }
    mapped.tell("mapped")?;
    let answer = says.listen()?;
    child.wait();
    ensure!(answer == "removed", "{answer}");
    Ok(())
}

fn remove_inside(
    mode: IdMode,
    directory: &Path,
    says: &mut Pipe,
    mapped: &mut Pipe,
) -> anyhow::Result<()> {
    family::unshare(UnshareFlags::NEWUSER).context("making a user namespace")?;
    says.tell("user namespace")?;
    mapped.expect("mapped")?;
    ids::become_root(mode).context("becoming root of the namespace")?;
    remove_tree(directory)
}

fn remove_tree(directory: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        answer => answer.with_context(|| format!("removing {}", directory.display())),
    }
}
