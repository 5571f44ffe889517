//! A document as it is asked: does it let this key in, this certificate?

use std::time::{SystemTime, UNIX_EPOCH};

use nexus_init_protocol::{Access, RSA_BITS};
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::public::{KeyData, RsaPublicKey};
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};

use super::login::{Login, fingerprint, is_for_users};

/// The parsed document. Lines that are no keys let nobody in.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    revision: u64,
    keys: Vec<KeyData>,
    authorities: Vec<KeyData>,
    principals: Vec<String>,
    refused: Vec<String>,
    host_certificate: Option<Certificate>,
    allows_agent: bool,
}

impl Policy {
    pub(super) fn of(access: &Access) -> Self {
        Self {
            revision: access.revision,
            keys: parse_all("an authorized key", &access.authorized_keys),
            authorities: parse_all("a user authority", &access.user_authorities),
            principals: access.principals.clone(),
            refused: access.refused_keys.clone(),
            host_certificate: access.host_certificate.as_deref().and_then(parse_host),
            allows_agent: access.allow_agent_forwarding,
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn allows_agent(&self) -> bool {
        self.allows_agent
    }

    /// The certificate for this very host key, when there is one.
    pub(crate) fn host_certificate(&self, key: &PublicKey) -> Option<&Certificate> {
        let found = self.host_certificate.as_ref();
        found.filter(|certificate| certificate.public_key() == key.key_data())
    }

    /// Whether a key is worth a signature of this kind. A certificate is offered as the bare key it
    /// certifies, so with an authority in force every key may be one.
    pub(crate) fn may_try(&self, key: &KeyData, signature: &Algorithm) -> bool {
        is_sound(key, signature) && (!self.authorities.is_empty() || self.keys.contains(key))
    }

    /// Whether this lets in now.
    pub(crate) fn lets_in(&self, login: &Login) -> bool {
        match login {
            Login::Key(_) => self.keeps(login),
            Login::Certificate(certificate) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                now.is_ok_and(|now| self.accepts_at(certificate, now.as_secs()))
            }
        }
    }

    /// Whether one who is in may stay: a certificate that has expired since does not count, one that
    /// was withdrawn does.
    pub(crate) fn keeps(&self, login: &Login) -> bool {
        match login {
            Login::Key(key) => self.keys.contains(key),
            Login::Certificate(certificate) => self.trusts(certificate),
        }
    }

    fn trusts(&self, certificate: &Certificate) -> bool {
        let names = certificate.valid_principals();
        is_for_users(certificate)
            && self.authorities.contains(certificate.signature_key())
            // A certificate for everybody names nobody, and is taken for nobody.
            && names.iter().any(|name| self.principals.contains(name))
            && !self.refused.contains(&fingerprint(certificate.public_key()))
    }

    fn accepts_at(&self, certificate: &Certificate, seconds: u64) -> bool {
        let authorities: Vec<_> = self
            .authorities
            .iter()
            .map(|key| key.fingerprint(HashAlg::Sha256))
            .collect();
        // The library checks signature, authority and time; all the rest is ours to check.
        self.trusts(certificate) && certificate.validate_at(seconds, &authorities).is_ok()
    }
}

/// Whether such a signature proves anything: RSA only over SHA-2, and by a key of a sound length.
fn is_sound(key: &KeyData, signature: &Algorithm) -> bool {
    let is_over_sha1 = matches!(signature, Algorithm::Rsa { hash: None });
    let has_sound_length = |key: &RsaPublicKey| RSA_BITS.contains(&key.key_size());
    !is_over_sha1 && key.rsa().is_none_or(has_sound_length)
}

fn parse_all(what: &str, lines: &[String]) -> Vec<KeyData> {
    let parse = |line: &String| match PublicKey::from_openssh(line.trim()) {
        Ok(key) => Some(key.key_data().clone()),
        Err(error) => {
            tracing::warn!(%error, "{what} cannot be read and lets nobody in");
            None
        }
    };
    lines.iter().filter_map(parse).collect()
}

fn parse_host(line: &str) -> Option<Certificate> {
    match Certificate::from_openssh(line.trim()) {
        Ok(certificate) if certificate.cert_type() == CertType::Host => Some(certificate),
        Ok(_) => {
            tracing::warn!("the host certificate is one for users and is not shown");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "the host certificate cannot be read");
            None
        }
    }
}

/// Reads any lines as keys, authorities and host certificates; what is none lets nobody in.
#[cfg(feature = "testing")]
pub(crate) fn read_lines(text: &str) {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let keys = parse_all("a line", &lines);
    assert!(keys.len() <= lines.len());
    for line in &lines {
        if let Some(certificate) = parse_host(line) {
            assert_eq!(certificate.cert_type(), CertType::Host);
        }
        let Ok(certificate) = Certificate::from_openssh(line.trim()) else {
            continue;
        };
        // Nobody trusts whoever signed it, and nobody trusts it to vouch for itself.
        let nobody = Policy::default();
        assert!(!nobody.trusts(&certificate) && !nobody.accepts_at(&certificate, 1));
        let itself = Policy {
            authorities: keys.clone(),
            principals: vec!["dev".to_owned()],
            ..Policy::default()
        };
        let _by_its_signature = itself.accepts_at(&certificate, 1);
    }
}

/// Reads any document.
#[cfg(feature = "testing")]
pub(crate) fn read_document(access: &Access) {
    let policy = Policy::of(access);
    assert_eq!(policy.revision(), access.revision);
    assert!(policy.keys.len() <= access.authorized_keys.len());
    assert!(policy.authorities.len() <= access.user_authorities.len());
}

#[cfg(test)]
mod tests {
    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::Mpint;
    use russh::keys::ssh_key::certificate::Builder;
    use russh::keys::ssh_key::private::Ed25519Keypair;

    use super::*;

    const NOW: u64 = 1_000_000;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
    }

    fn line(key: &PrivateKey) -> String {
        key.public_key().to_openssh().unwrap()
    }

    /// A certificate over key 2 by key 1, with one thing changed.
    fn certificate(change: impl FnOnce(&mut Builder)) -> Certificate {
        signed_by(&key(1), CertType::User, change)
    }

    fn signed_by(
        authority: &PrivateKey,
        cert_type: CertType,
        change: impl FnOnce(&mut Builder),
    ) -> Certificate {
        let subject = key(2);
        let nonce = vec![7; 16];
        let public = subject.public_key();
        let mut builder = Builder::new(nonce, public, NOW - 10, NOW + 10).unwrap();
        builder.cert_type(cert_type).unwrap();
        builder.key_id("somebody").unwrap();
        change(&mut builder);
        builder.sign(authority).unwrap()
    }

    fn named(builder: &mut Builder) {
        builder.valid_principal("ws-1").unwrap();
    }

    fn policy() -> Policy {
        Policy::of(&Access {
            revision: 1,
            user_authorities: vec![line(&key(1))],
            principals: vec!["ws-1".to_owned(), "other".to_owned()],
            ..Access::default()
        })
    }

    #[test]
    fn a_certificate_of_the_authority_for_this_workspace_lets_in_while_it_is_valid() {
        let good = certificate(named);
        let policy = policy();
        assert!(policy.accepts_at(&good, NOW));
        assert!(!policy.accepts_at(&good, NOW - 11), "not yet");
        assert!(!policy.accepts_at(&good, NOW + 10), "no longer");
        let login = Login::Certificate(Box::new(good));
        assert!(policy.keeps(&login), "one who is in may stay");
        assert!(!policy.lets_in(&login), "it expired long ago");
        assert!(!login.permits().terminal, "no extension, no permission");
    }

    #[test]
    fn everything_else_is_refused() {
        let policy = policy();
        let refused = |certificate: &Certificate| !policy.accepts_at(certificate, NOW);
        assert!(
            refused(&signed_by(&key(3), CertType::User, named)),
            "another authority"
        );
        assert!(
            refused(&signed_by(&key(2), CertType::User, named)),
            "signed by itself"
        );
        let other = certificate(|builder| {
            builder.valid_principal("ws-2").unwrap();
        });
        assert!(refused(&other), "another workspace");
        let everybody = certificate(|builder| {
            builder.all_principals_valid().unwrap();
        });
        assert!(refused(&everybody), "a certificate for everybody");
        let host = signed_by(&key(1), CertType::Host, named);
        assert!(refused(&host), "one for hosts");
        let forced = certificate(|builder| {
            named(builder);
            builder.critical_option("force-command", "id").unwrap();
        });
        assert!(refused(&forced), "a critical option nobody knows here");
        let mut bytes = certificate(named).to_bytes().unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let forged = Certificate::from_bytes(&bytes);
        assert!(forged.map_or(true, |forged| refused(&forged)), "forged");
    }

    #[test]
    fn a_withdrawn_key_is_refused_certified_or_not() {
        let good = Login::Certificate(Box::new(certificate(named)));
        let withdrawn = Policy::of(&Access {
            revision: 2,
            user_authorities: vec![line(&key(1))],
            principals: vec!["ws-1".to_owned()],
            refused_keys: vec![fingerprint(key(2).public_key().key_data())],
            ..Access::default()
        });
        assert!(policy().keeps(&good));
        assert!(!withdrawn.keeps(&good));
        let bare = Login::Key(key(2).public_key().key_data().clone());
        assert!(!policy().lets_in(&bare), "a certified key is not listed");
        let listed = Policy::of(&Access {
            authorized_keys: vec!["no key".to_owned(), line(&key(2))],
            ..Access::default()
        });
        assert!(listed.lets_in(&bare) && bare.permits().terminal);
        assert!(!listed.keeps(&good), "no authority any more");
    }

    #[test]
    fn an_rsa_key_is_worth_a_signature_over_sha2_when_it_is_long_enough() {
        let rsa = |bytes: usize| {
            let modulus = [&[0x80_u8][..], &vec![1; bytes - 1]].concat();
            let [exponent, modulus] = [&[3][..], &modulus].map(Mpint::from_positive_bytes);
            KeyData::Rsa(RsaPublicKey::new(exponent, modulus).unwrap())
        };
        let over = |hash| Algorithm::Rsa { hash };
        let policy = policy();
        for hash in [HashAlg::Sha256, HashAlg::Sha512] {
            for (bytes, is_worth_it) in [(255, false), (256, true), (1024, true), (1025, false)] {
                let found = policy.may_try(&rsa(bytes), &over(Some(hash)));
                assert_eq!(found, is_worth_it, "{bytes} bytes, {hash}");
            }
        }
        assert!(!policy.may_try(&rsa(256), &over(None)), "SHA-1");
    }

    #[test]
    fn a_host_certificate_is_shown_for_its_own_key_only() {
        let shown = signed_by(&key(1), CertType::Host, |builder| {
            builder.valid_principal("hello.nexus").unwrap();
        });
        let policy = Policy::of(&Access {
            host_certificate: Some(shown.to_openssh().unwrap()),
            ..Access::default()
        });
        assert!(policy.host_certificate(key(2).public_key()).is_some());
        assert!(policy.host_certificate(key(3).public_key()).is_none());
    }
}
