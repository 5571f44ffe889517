//! The two keys that vouch: one for hosts, one for users. Made once, and kept apart from the log.
//!
//! They are plain files only their owner may read (0600 in 0700), in `ssh/` of the folder of keys. Where
//! systemd hands credentials over (`LoadCredential=nexus_host_authority:…`), those come first and
//! nothing is made.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use nexus_events::id::{UserId, WorkspaceId};
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::certificate::{Builder, CertType};
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{Certificate, HashAlg, PrivateKey, PublicKey, ssh_key};

use crate::private_file;

/// How long a host certificate lasts.
const HOST_CERTIFICATE_TIME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Clocks may differ by so much.
const SKEW: SignedDuration = SignedDuration::from_mins(2);
/// What a user certificate allows; `user-rc` and X11 are not in it.
const PERMITTED: [&str; 3] = [
    "permit-agent-forwarding",
    "permit-port-forwarding",
    "permit-pty",
];

/// Why there is no authority, or it did not sign.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A key cannot be read or made.
    #[error("{attempt} the SSH authority's key {path}")]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// Where it is kept.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// What the file holds is no private key in OpenSSH's form.
    #[error("reading the SSH authority's key {path}")]
    Form {
        /// Where it is kept.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: ssh_key::Error,
    },
    /// What the file holds is an RSA key, whose signing tells those who measure it too much.
    #[error("the SSH authority's key {path} is an RSA key: make one with `ssh-keygen -t ed25519`")]
    Kind {
        /// Where it is kept.
        path: PathBuf,
    },
    /// A certificate could not be made.
    #[error("signing a certificate")]
    Signing(#[from] ssh_key::Error),
    /// The system gives no random numbers.
    #[error("drawing random numbers")]
    Random,
}

/// Both authorities. Clones share the keys.
#[derive(Clone)]
pub struct Authorities {
    keys: Arc<Keys>,
}

struct Keys {
    host: PrivateKey,
    user: PrivateKey,
    /// The jump host's own key.
    jump: PrivateKey,
}

impl std::fmt::Debug for Authorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authorities").finish_non_exhaustive()
    }
}

/// What a user certificate says.
#[derive(Debug, Clone)]
pub(crate) struct UserCertificate {
    pub(crate) user: UserId,
    pub(crate) public_key: PublicKey,
    /// The workspaces it opens; never empty, since nobody named means everybody.
    pub(crate) principals: Vec<WorkspaceId>,
    pub(crate) serial: u64,
    pub(crate) now: Timestamp,
    pub(crate) valid_before: Timestamp,
}

impl Authorities {
    /// Those in `ssh/` of the folder `keys`, made when they are not there.
    ///
    /// # Errors
    /// When a key cannot be read or made.
    pub fn open(keys: &Path) -> Result<Self, AuthorityError> {
        let given = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self::open_in(&keys.join("ssh"), given.as_deref())
    }

    fn open_in(folder: &Path, given: Option<&Path>) -> Result<Self, AuthorityError> {
        let key = |name: &str| {
            let handed_over = given.map(|given| given.join(format!("nexus_{name}")));
            match handed_over.filter(|path| path.exists()) {
                Some(path) => read(&path),
                None => read_or_make(&folder.join(name)),
            }
        };
        let keys = Keys {
            host: key("host_authority")?,
            user: key("user_authority")?,
            jump: key("jump_host_key")?,
        };
        let keys = Arc::new(keys);
        Ok(Self { keys })
    }

    /// The public key host certificates are signed with, in one line.
    pub fn host_authority(&self) -> String {
        line(&self.keys.host, "nexus-host-authority")
    }

    /// The public key user certificates are signed with, in one line.
    pub fn user_authority(&self) -> String {
        line(&self.keys.user, "nexus-user-authority")
    }

    /// The public half of the jump host's own key, in one line.
    pub(crate) fn jump_host_line(&self) -> String {
        line(&self.keys.jump, "nexus-jump-host")
    }

    /// The jump host's own key.
    pub(crate) fn jump_host_key(&self) -> &PrivateKey {
        &self.keys.jump
    }

    /// A certificate for a host's key under these names, from two minutes ago on.
    pub(crate) fn certify_host(
        &self,
        public_key: &PublicKey,
        key_id: &str,
        names: &[String],
        now: Timestamp,
    ) -> Result<Certificate, AuthorityError> {
        let ends = now
            .saturating_add(HOST_CERTIFICATE_TIME)
            .unwrap_or(Timestamp::MAX);
        let mut builder = builder(public_key, now, ends)?;
        builder.cert_type(CertType::Host)?.key_id(key_id)?;
        for name in names {
            builder.valid_principal(name)?;
        }
        Ok(builder.sign(&self.keys.host)?)
    }

    /// A certificate for a user's key.
    pub(crate) fn certify_user(
        &self,
        wanted: &UserCertificate,
    ) -> Result<Certificate, AuthorityError> {
        let mut builder = builder(&wanted.public_key, wanted.now, wanted.valid_before)?;
        builder
            .cert_type(CertType::User)?
            .key_id(wanted.user.to_string())?
            .serial(wanted.serial)?;
        for workspace in &wanted.principals {
            builder.valid_principal(workspace.to_string())?;
        }
        for permitted in PERMITTED {
            builder.extension(permitted, "")?;
        }
        Ok(builder.sign(&self.keys.user)?)
    }

    /// Whether our authority for users signed it, for a user, and it is in force now. Russh has
    /// verified the signature and that its bearer has the key.
    pub(crate) fn vouches_for(&self, certificate: &Certificate, now: Timestamp) -> bool {
        let ours = self.keys.user.public_key().fingerprint(HashAlg::Sha256);
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        certificate.cert_type() == CertType::User
            && certificate.critical_options().is_empty()
            && certificate.signature_key() == self.keys.user.public_key().key_data()
            && certificate.validate_at(seconds, [&ours]).is_ok()
    }
}

/// Grows with time: a host certificate is made anew with it, when a third of its time is over.
pub(super) fn host_certificate_period(now: Timestamp) -> i64 {
    now.as_second() / (HOST_CERTIFICATE_TIME.as_secs() / 3)
}

fn builder(
    public_key: &PublicKey,
    now: Timestamp,
    ends: Timestamp,
) -> Result<Builder, AuthorityError> {
    let seconds = |time: Timestamp| u64::try_from(time.as_second()).unwrap_or(0);
    let begins = now.saturating_sub(SKEW).unwrap_or(Timestamp::MIN);
    let mut nonce = [0; Builder::RECOMMENDED_NONCE_SIZE];
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| AuthorityError::Random)?;
    let key = public_key.key_data().clone();
    Ok(Builder::new(nonce, key, seconds(begins), seconds(ends))?)
}

fn line(key: &PrivateKey, comment: &str) -> String {
    let mut public = key.public_key().clone();
    public.set_comment(comment);
    public
        .to_openssh()
        .expect("a key that was read can be written")
}

fn read_or_make(path: &Path) -> Result<PrivateKey, AuthorityError> {
    if path.exists() {
        return read(path);
    }
    let mut seed = [0; 32];
    aws_lc_rs::rand::fill(&mut seed).map_err(|_| AuthorityError::Random)?;
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
    let text = key.to_openssh(LineEnding::LF)?;
    // Another replica may have been first: then its key counts.
    private_file::write_first(path, text.as_bytes()).map_err(failed("making", path))?;
    read(path)
}

fn read(path: &Path) -> Result<PrivateKey, AuthorityError> {
    let text = std::fs::read(path).map_err(failed("reading", path))?;
    let path = path.to_owned();
    match PrivateKey::from_openssh(text) {
        Ok(key) if key.algorithm().is_rsa() => Err(AuthorityError::Kind { path }),
        Ok(key) => Ok(key),
        Err(source) => Err(AuthorityError::Form { path, source }),
    }
}

fn failed(attempt: &'static str, path: &Path) -> impl Fn(std::io::Error) -> AuthorityError {
    let path = path.to_owned();
    move |source| AuthorityError::File {
        attempt,
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn wanted(user: UserId, key: &PrivateKey) -> UserCertificate {
        UserCertificate {
            user,
            public_key: key.public_key().clone(),
            principals: vec![WorkspaceId::derived("a")],
            serial: 7,
            now: NOW,
            valid_before: NOW + SignedDuration::from_hours(1),
        }
    }

    #[test]
    fn keys_are_made_once_and_are_private() {
        let home = tempfile::tempdir().unwrap();
        let first = Authorities::open_in(&home.path().join("ssh"), None).unwrap();
        let again = Authorities::open_in(&home.path().join("ssh"), None).unwrap();
        assert_eq!(first.host_authority(), again.host_authority());
        assert_ne!(first.host_authority(), first.user_authority());
        for (path, wanted) in [("ssh", 0o700), ("ssh/host_authority", 0o600)] {
            let found = std::fs::metadata(home.path().join(path)).unwrap();
            assert_eq!(found.permissions().mode() & 0o777, wanted, "{path}");
        }
    }

    #[test]
    fn keys_handed_over_by_systemd_come_first() {
        let (home, given) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let own = Authorities::open_in(home.path(), None).unwrap();
        let text = std::fs::read(home.path().join("user_authority")).unwrap();
        std::fs::write(given.path().join("nexus_host_authority"), text).unwrap();
        let both = Authorities::open_in(home.path(), Some(given.path())).unwrap();
        let blob = |line: String| line.split(' ').nth(1).map(str::to_owned);
        assert_eq!(blob(both.host_authority()), blob(own.user_authority()));
        assert_eq!(both.user_authority(), own.user_authority());
    }

    #[test]
    fn only_our_user_certificates_count_and_only_while_they_last() {
        let home = tempfile::tempdir().unwrap();
        let other_home = tempfile::tempdir().unwrap();
        let ours = Authorities::open_in(home.path(), None).unwrap();
        let other = Authorities::open_in(other_home.path(), None).unwrap();
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
        let wanted = wanted(UserId::derived("ada"), &key);
        let good = ours.certify_user(&wanted).unwrap();
        assert!(ours.vouches_for(&good, NOW));
        assert!(!ours.vouches_for(&good, wanted.valid_before));
        assert!(!ours.vouches_for(&good, NOW - SignedDuration::from_mins(3)));
        assert!(!other.vouches_for(&good, NOW));
        let host = ours
            .certify_host(key.public_key(), "x", &["a".into()], NOW)
            .unwrap();
        assert!(!ours.vouches_for(&host, NOW));
    }
}
