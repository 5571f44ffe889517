//! Where the binaries under test are.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

/// The path of the binary `name`: from `NEXUS_BIN_DIR`, else beside the test itself.
///
/// # Errors
/// When it was not built; the text says how.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let path = folder()?.join(name);
    if !path.exists() {
        bail!(
            "{} is not there: cargo build --release --workspace",
            path.display()
        );
    }
    Ok(path)
}

/// The folder all binaries are in.
///
/// # Errors
/// When the test cannot tell where it runs from.
pub fn folder() -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("NEXUS_BIN_DIR") {
        return Ok(folder.into());
    }
    let test = std::env::current_exe().context("finding the test's own executable")?;
    let folder = test
        .ancestors()
        .nth(2)
        .context("the test runs outside a target folder")?;
    Ok(folder.to_owned())
}
