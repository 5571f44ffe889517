//! How somebody logged in, and what that permits.

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Certificate, HashAlg};

/// What a client has proved to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Login {
    /// A key that is listed itself.
    Key(KeyData),
    /// A key certified by an authority.
    Certificate(Box<Certificate>),
}

/// What one who is logged in may ask for, beside commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Permits {
    pub(crate) terminal: bool,
    pub(crate) forwarding: bool,
    pub(crate) agent: bool,
}

impl Permits {
    /// Nothing at all.
    pub(crate) const NONE: Self = Self {
        terminal: false,
        forwarding: false,
        agent: false,
    };
}

impl Login {
    /// A listed key permits all; a certificate what its extensions name.
    pub(crate) fn permits(&self) -> Permits {
        let has = |name: &str| match self {
            Self::Key(_) => true,
            Self::Certificate(certificate) => certificate.extensions().contains_key(name),
        };
        Permits {
            terminal: has("permit-pty"),
            forwarding: has("permit-port-forwarding"),
            agent: has("permit-agent-forwarding"),
        }
    }
}

/// Whether a certificate is one for users, in every respect that does not depend on who issued it.
pub(super) fn is_for_users(certificate: &Certificate) -> bool {
    let plain = |key: &KeyData| !matches!(key, KeyData::Other(_));
    certificate.cert_type() == CertType::User
        && plain(certificate.public_key())
        && plain(certificate.signature_key())
        // No critical option is known here, and an unknown one means refusal.
        && certificate.critical_options().is_empty()
}

/// `SHA256:…`, as people and the control plane write it.
pub(super) fn fingerprint(key: &KeyData) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}
