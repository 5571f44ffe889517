//! The nexus-init binary a worker puts into workspaces: where it is found, and our own copy of it.
//!
//! A copy per content, because a machine keeps using the one it was made with: an upgrade must
//! neither change the program below a running init nor take it away from a stopped one.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// Names a copy by what is in it.
const CONTENT: Uuid = Uuid::from_u128(0x6e65_7875_7300_5000_8000_0000_696e_6974);

/// Where nexus-init is: `NEXUS_INIT`, else in `NEXUS_BIN_DIR`, else beside this program.
///
/// # Errors
/// It is not there, and where it was looked for.
pub fn locate() -> io::Result<PathBuf> {
    let named = std::env::var_os("NEXUS_INIT").map(PathBuf::from);
    let folder = std::env::var_os("NEXUS_BIN_DIR").map(PathBuf::from);
    let path = match (named, folder) {
        (Some(path), _) => path,
        (None, Some(folder)) => folder.join("nexus-init"),
        (None, None) => std::env::current_exe()?.with_file_name("nexus-init"),
    };
    if path.is_file() {
        return Ok(path);
    }
    let cause = format!(
        "nexus-init is not at {}: build it, or set NEXUS_INIT",
        path.display()
    );
    Err(io::Error::new(io::ErrorKind::NotFound, cause))
}

/// The same for tests, whose programs are a folder below the binaries.
///
/// # Errors
/// As [`locate`].
#[cfg(feature = "testing")]
pub fn locate_for_tests() -> io::Result<PathBuf> {
    locate().or_else(|error| {
        let beside = std::env::current_exe()?;
        let built = beside
            .parent()
            .and_then(Path::parent)
            .map(|folder| folder.join("nexus-init"));
        built.filter(|path| path.is_file()).ok_or(error)
    })
}

/// A copy of `binary` in `folder`, made when there is none of this content.
///
/// # Errors
/// The binary cannot be read, or the copy cannot be written.
pub fn install(binary: &Path, folder: &Path) -> io::Result<PathBuf> {
    let content = fs::read(binary).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("reading {}: {error}", binary.display()),
        )
    })?;
    let digest = Uuid::new_v5(&CONTENT, &content);
    let folder = folder.join("init");
    let copy = folder.join(format!("nexus-init-{}", digest.simple()));
    if copy.exists() {
        return Ok(copy);
    }
    fs::create_dir_all(&folder)?;
    let part = folder.join(format!(".part-{}", std::process::id()));
    fs::write(&part, content)?;
    fs::set_permissions(&part, fs::Permissions::from_mode(0o755))?;
    fs::rename(part, &copy)?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_content_is_another_copy() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("binary");
        fs::write(&binary, "one").unwrap();
        let first = install(&binary, folder.path()).unwrap();
        assert_eq!(install(&binary, folder.path()).unwrap(), first);
        fs::write(&binary, "two").unwrap();
        assert_ne!(install(&binary, folder.path()).unwrap(), first);
        assert_eq!(fs::read_to_string(first).unwrap(), "one");
    }
}
