//! Key pairs and what OpenSSH says of them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A key pair made by `ssh-keygen`, in a folder of its own.
pub(crate) struct KeyPair {
    folder: tempfile::TempDir,
}

impl KeyPair {
    pub(crate) fn ed25519() -> Self {
        Self::of(&["-t", "ed25519"])
    }

    pub(crate) fn of(kind: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pair = Self { folder };
        let made = Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-C", "test", "-f"])
            .arg(pair.private())
            .args(kind)
            .status();
        assert!(made.unwrap().success());
        pair
    }

    pub(crate) fn private(&self) -> PathBuf {
        self.folder.path().join("id")
    }

    /// Where OpenSSH looks for the certificate of the key.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("id-cert.pub")
    }

    pub(crate) fn public(&self) -> String {
        let line = std::fs::read_to_string(self.private().with_extension("pub")).unwrap();
        line.trim().to_owned()
    }

    pub(crate) fn fingerprint(&self) -> String {
        let told = told(&["-l", "-f"], &self.private().with_extension("pub"));
        told.split(' ').nth(1).unwrap().to_owned()
    }
}

/// What `ssh-keygen` prints about a file.
pub(crate) fn told(arguments: &[&str], file: &Path) -> String {
    let output = Command::new("ssh-keygen")
        .args(arguments)
        .arg(file)
        .env("TZ", "UTC")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
