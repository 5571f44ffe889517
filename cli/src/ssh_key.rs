//! The public SSH key a person is let in by: theirs, or one made for Nexus.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::home;

/// A public key, as OpenSSH writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    /// The line: type, key, comment.
    pub(crate) line: String,
    /// `SHA256:` and the digest of the key.
    pub(crate) fingerprint: String,
    /// Where the private half is.
    pub(crate) private: PathBuf,
}

/// The key in `chosen`, else the person's own, else the one made for Nexus, which is made now
/// if there is none.
pub(crate) fn find_or_make(context: &Context, chosen: Option<&Path>) -> Result<PublicKey> {
    let folder = home::user_home()?.join(".ssh");
    let own = folder.join("id_ed25519.pub");
    let ours = folder.join("id_ed25519_nexus");
    let public = ours.with_extension("pub");
    match chosen {
        Some(path) => read(path),
        None if own.exists() => read(&own),
        None if public.exists() => read(&public),
        None => make(context, &ours).and_then(|()| read(&public)),
    }
}

/// The key that certificates are for; made when there is none, however many ask at once.
pub(crate) fn ours(context: &Context) -> Result<PublicKey> {
    let private = home::user_home()?.join(".ssh/id_ed25519_nexus");
    let public = private.with_extension("pub");
    if public.exists() && private.exists() {
        return read(&public);
    }
    let what = "make an SSH key";
    let failed = |error: std::io::Error| Error::new(Exit::Failure, what, error, "nexus doctor");
    let folder = context.home.ssh();
    home::create_private_folder(&folder).map_err(failed)?;
    let lock = std::fs::File::create(folder.join("key.lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if !private.exists() {
        make(context, &private)?;
    } else if !public.exists() {
        let line = keygen(what, &["-y", "-f"], &private)?;
        home::replace_private_file(&public, line.as_bytes()).map_err(failed)?;
    }
    read(&public)
}

/// Reads a public key file.
fn read(path: &Path) -> Result<PublicKey> {
    let what = format!("read the public key {}", path.display());
    let next = "ssh-keygen -t ed25519, or nexus user register --key FILE";
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::new(Exit::Failure, &what, error, next))?;
    let line = text.lines().next().unwrap_or_default().trim();
    let fingerprint = fingerprint(line).ok_or_else(|| {
        let why = "it is not a public key of one line (`ssh-ed25519 AAAA… comment`)";
        Error::new(Exit::Usage, &what, why, next)
    })?;
    Ok(PublicKey {
        line: line.to_owned(),
        fingerprint,
        private: path.with_extension(""),
    })
}

/// The fingerprint OpenSSH shows for the key in `line`.
fn fingerprint(line: &str) -> Option<String> {
    let mut words = line.split(' ');
    let (kind, encoded) = (words.next()?, words.next()?);
    let blob = STANDARD.decode(encoded).ok()?;
    // The blob begins with its own type; a private key or something else does not.
    let length = u32::from_be_bytes(blob.get(..4)?.try_into().ok()?) as usize;
    if blob.get(4..4 + length)? != kind.as_bytes() {
        return None;
    }
    Some(format!(
        "SHA256:{}",
        STANDARD_NO_PAD.encode(Sha256::digest(&blob))
    ))
}

fn make(context: &Context, private: &Path) -> Result<()> {
    let what = "make an SSH key";
    let next = "apt install openssh-client, or nexus user register --key FILE";
    let shown = private.display();
    context.say(&format!(
        "no SSH key was found: making {shown} for Nexus (no passphrase, readable by you only)"
    ));
    if let Some(folder) = private.parent() {
        home::create_private_folder(folder)
            .map_err(|error| Error::new(Exit::Failure, what, error, next))?;
    }
    keygen(
        what,
        &["-q", "-t", "ed25519", "-N", "", "-C", "nexus", "-f"],
        private,
    )
    .map(drop)
}

/// Runs `ssh-keygen` on the file at `path`; what it printed.
fn keygen(what: &str, arguments: &[&str], path: &Path) -> Result<String> {
    let next = "apt install openssh-client, or nexus user register --key FILE";
    let output = Command::new("ssh-keygen")
        .args(arguments)
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::new(Exit::Failure, what, format!("ssh-keygen: {error}"), next))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let why = crate::clean::clean(&String::from_utf8_lossy(&output.stderr));
    Err(Error::new(Exit::Failure, what, why, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl comment";

    #[test]
    fn the_fingerprint_is_the_one_openssh_shows() {
        assert_eq!(
            fingerprint(LINE).as_deref(),
            Some("SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU")
        );
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 !!!",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            assert_eq!(fingerprint(text), None, "{text}");
        }
    }
}
