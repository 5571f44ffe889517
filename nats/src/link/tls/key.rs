//! The key a worker proves itself with: made once, kept in its folder, never told.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs as provider};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::CertifiedKey;

use super::pin::Pin;
use crate::private_file;

/// A worker's key pair.
#[derive(Clone)]
pub struct LinkKey {
    pin: Pin,
    certified: Arc<CertifiedKey>,
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("LinkKey").field(&self.pin).finish()
    }
}

impl LinkKey {
    /// The one kept in this file, for its owner only; made when it is missing.
    ///
    /// # Errors
    /// The file cannot be used, or holds no key. It is not replaced then.
    pub fn kept_in(path: &Path) -> io::Result<Self> {
        match std::fs::read(path) {
            Ok(key) => Self::of(&key),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())
                    .map_err(|_| io::Error::other("no key could be drawn"))?;
                private_file::write(path, key.as_ref())?;
                Self::of(key.as_ref())
            }
            Err(error) => Err(error),
        }
    }

    fn of(key: &[u8]) -> io::Result<Self> {
        let wrong = |cause: &'static str| io::Error::new(io::ErrorKind::InvalidData, cause);
        let key = PrivatePkcs8KeyDer::from(key);
        let key = provider::sign::any_eddsa_type(&key).map_err(|_| wrong("it holds no key"))?;
        let public = key.public_key().ok_or_else(|| wrong("it holds no key"))?;
        let public = public.as_ref().to_vec();
        Ok(Self {
            pin: Pin::of(&public),
            certified: Arc::new(CertifiedKey::new(vec![CertificateDer::from(public)], key)),
        })
    }

    /// What the gateway knows it by.
    pub const fn pin(&self) -> Pin {
        self.pin
    }

    /// How its owner speaks.
    pub(super) fn server(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<ServerConfig, rustls::Error> {
        let key = AlwaysResolvesServerRawPublicKeys::new(Arc::clone(&self.certified));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(key));
        // Nobody comes back with a session.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_its_owners_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("link.key");
        let first = LinkKey::kept_in(&path).unwrap();
        assert_eq!(LinkKey::kept_in(&path).unwrap().pin(), first.pin());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = LinkKey::kept_in(&folder.path().join("other.key")).unwrap();
        assert_ne!(other.pin(), first.pin());
        std::fs::write(&path, "scribble").unwrap();
        assert!(LinkKey::kept_in(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"scribble");
    }
}
