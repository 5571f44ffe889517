//! A repository of this host, copied where the workspace sees it: the original may go, and no
//! folder outside the worker's own is ever mounted.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;

use super::program;

/// Copies `source` to `target`, whole or not at all; a copy there stays.
pub(super) fn copy(source: &Path, target: &Path) -> io::Result<()> {
    if target.exists() {
        return Ok(());
    }
    let part = target.with_extension("part");
    match fs::remove_dir_all(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let source = fs::canonicalize(source)?;
    // Shared blocks where the file system can, links as links; nothing keeps a foreign owner.
    run(
        "cp",
        &[
            "--recursive",
            "--preserve=mode,links,timestamps",
            "--reflink=auto",
        ],
        &source,
        Some(&part),
    )?;
    // The user inside is another one than ours.
    run("chmod", &["--recursive", "a+rX,u+w"], &part, None)?;
    fs::rename(part, target)
}

fn run(name: &str, options: &[&str], first: &Path, second: Option<&Path>) -> io::Result<()> {
    let mut command = program::command(name);
    command
        .args(options)
        .arg("--")
        .arg(first)
        .args(second)
        .stdin(Stdio::null());
    let output = command.output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_copy_is_whole_readable_and_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("a"), folder.path().join("b"));
        fs::create_dir_all(source.join("sub")).unwrap();
        fs::write(source.join("sub/file"), "one").unwrap();
        fs::set_permissions(source.join("sub"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::create_dir_all(target.with_extension("part")).unwrap();
        fs::write(target.with_extension("part").join("torn"), "").unwrap();
        copy(&source, &target).unwrap();
        assert!(!target.join("torn").exists());
        assert_eq!(
            fs::metadata(target.join("sub"))
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o755
        );
        fs::write(source.join("sub/file"), "two").unwrap();
        copy(&source, &target).unwrap();
        assert_eq!(fs::read_to_string(target.join("sub/file")).unwrap(), "one");
        assert!(copy(&folder.path().join("none"), &folder.path().join("c")).is_err());
    }
}
