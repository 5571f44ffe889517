//! What carries the connection: TLS, or plain TCP where nobody can listen.
//!
//! Plain TCP is for this machine. Beyond it what is said holds the credentials of every user, so a
//! server elsewhere is spoken to over TLS, with its name checked, or not at all.

use std::net::IpAddr;
use std::path::PathBuf;

use async_nats::{ConnectOptions, ServerAddr};

use super::ConnectError;
use super::secret::refuse_open;

/// How to reach the servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transport {
    /// The certificate of the authority that vouches for the servers, as PEM. With it TLS is
    /// required; `tls://` alone asks the authorities this machine trusts.
    pub authority: Option<PathBuf>,
    /// This side's certificate and key, in one PEM file with mode 0600, where servers ask for one.
    pub certificate: Option<PathBuf>,
    /// Whether plain TCP may leave this machine: only where the network itself encrypts.
    pub plaintext: bool,
}

impl Transport {
    /// Whether TLS is required; refuses what must not be done.
    pub(super) fn check(&self, servers: &[String]) -> Result<bool, ConnectError> {
        let mut secured = self.authority.is_some() || self.certificate.is_some();
        let mut addresses = Vec::new();
        for url in servers {
            let text = || url.rsplit('@').next().unwrap_or_default().to_owned();
            let address = url
                .parse::<ServerAddr>()
                .map_err(|_| ConnectError::Url { url: text() })?;
            if address.username().is_some() || address.password().is_some() {
                return Err(ConnectError::PasswordInUrl { server: text() });
            }
            secured |= address.tls_required();
            addresses.push(address);
        }
        let abroad = addresses.iter().find(|address| !is_here(address.host()));
        match abroad {
            Some(address) if !secured && !self.plaintext => Err(ConnectError::Plaintext {
                server: format!("{}:{}", address.host(), address.port()),
            }),
            Some(_) if !secured => {
                tracing::warn!("NATS is spoken to without TLS beyond this machine, as asked for");
                Ok(false)
            }
            Some(_) | None => Ok(secured),
        }?;
        if let Some(certificate) = &self.certificate {
            refuse_open(certificate)?;
        }
        Ok(secured)
    }

    pub(super) fn apply(&self, mut options: ConnectOptions, secured: bool) -> ConnectOptions {
        if !secured {
            // A server may name others, which nobody has looked at.
            return options.ignore_discovered_servers();
        }
        options = options.require_tls(true);
        if let Some(authority) = &self.authority {
            options = options.add_root_certificates(authority.clone());
        }
        if let Some(certificate) = &self.certificate {
            options = options.add_client_certificate(certificate.clone(), certificate.clone());
        }
        options
    }
}

/// Whether the host is this machine, whatever its resolver says.
fn is_here(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(transport: &Transport, url: &str) -> Result<bool, ConnectError> {
        transport.check(&["nats://127.0.0.1:4222".to_owned(), url.to_owned()])
    }

    #[test]
    fn plain_tcp_stays_on_this_machine() {
        let plain = Transport::default();
        for here in [
            "127.0.0.1:1",
            "nats://localhost:4222",
            "nats://[::1]:4222",
            "127.9.9.9",
        ] {
            assert!(!check(&plain, here).unwrap(), "{here}");
        }
        for abroad in [
            "nats://10.0.0.1:4222",
            "nats.example.com",
            "nats://localhost.example.com",
            "nats://[2001:db8::1]:4222",
            "nats://0.0.0.0:4222",
        ] {
            let error = check(&plain, abroad).unwrap_err();
            assert!(
                matches!(error, ConnectError::Plaintext { .. }),
                "{abroad}: {error:?}"
            );
            let text = error.to_string();
            assert!(text.contains("--nats-ca"), "{text}");
        }
    }

    #[test]
    fn tls_is_required_by_scheme_or_by_authority() {
        assert!(check(&Transport::default(), "tls://nats.example.com").unwrap());
        let vouched = Transport {
            authority: Some("/x/ca.pem".into()),
            ..Transport::default()
        };
        assert!(check(&vouched, "nats://10.0.0.1:4222").unwrap());
        let asked = Transport {
            plaintext: true,
            ..Transport::default()
        };
        assert!(!check(&asked, "nats://10.0.0.1:4222").unwrap());
    }

    #[test]
    fn no_password_is_taken_from_a_url() {
        let error = check(&Transport::default(), "nats://ada:secret@127.0.0.1:9").unwrap_err();
        assert!(
            matches!(error, ConnectError::PasswordInUrl { .. }),
            "{error:?}"
        );
        assert!(
            !format!("{error:?} {error}").contains("secret"),
            "{error:?}"
        );
    }
}
