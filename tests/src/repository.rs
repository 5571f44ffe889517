//! Git repositories to clone, made on the spot.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::tool;

/// A bare repository with one commit holding `files` (path, text); its address for git.
///
/// # Errors
/// When git is missing or refuses.
pub async fn make(folder: &Path, name: &str, files: &[(&str, &str)]) -> anyhow::Result<String> {
    let work = folder.join(format!("{name}-work"));
    for (path, text) in files {
        let path = work.join(path);
        std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        std::fs::write(path, text)?;
    }
    publish(folder, name, &work).await
}

/// A bare repository with one commit holding everything in `work`; its address for git.
///
/// # Errors
/// When git is missing or refuses.
pub async fn publish(folder: &Path, name: &str, work: &Path) -> anyhow::Result<String> {
    let bare = folder.join(format!("{name}.git"));
    let work = work.to_string_lossy().into_owned();
    git(&["init", "-q", "-b", "main", &work]).await?;
    git(&["-C", &work, "add", "-A"]).await?;
    let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"];
    let commit = ["commit", "-q", "-m", "All of it"];
    git(&[&["-C", &work], identity.as_slice(), commit.as_slice()].concat()).await?;
    git(&["clone", "-q", "--bare", &work, &bare.to_string_lossy()]).await?;
    Ok(format!("file://{}", bare.display()))
}

/// The commit `main` of the repository at `address` stands at.
///
/// # Errors
/// When git is missing or refuses.
pub async fn head(address: &str) -> anyhow::Result<String> {
    let folder = address.strip_prefix("file://").context("a file address")?;
    Ok(git(&["-C", folder, "rev-parse", "main"])
        .await?
        .trim()
        .to_owned())
}

/// The sample project that `./dev up` starts with.
pub fn sample() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/hello")
}

async fn git(arguments: &[&str]) -> anyhow::Result<String> {
    Ok(tool::run("git", arguments).await?.success()?.stdout)
}
