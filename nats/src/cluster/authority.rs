//! An authority and the certificates it signs.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::openssl::{Request, Signer, certify, is_good, make_key};
use super::{ClusterError, Host, file, write_private};

/// How long an authority lives, in days.
const AUTHORITY_DAYS: u32 = 3650;
/// How long a certificate lives, in days.
const CERTIFICATE_DAYS: u32 = 825;

/// What a certificate is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// A server's, reached by this name.
    Server(&'a Host),
    /// A server's, shown to other servers, reached by this name and calling them.
    Route(&'a Host),
    /// A client's.
    Client,
}

/// Someone who signs.
#[derive(Debug)]
pub(super) struct Authority {
    key: PathBuf,
    certificate: PathBuf,
}

impl Authority {
    /// The one at `<path>.key` and `<path>.pem`, made where it is missing.
    pub(super) fn at(path: &Path, name: &str) -> Result<Self, ClusterError> {
        let authority = Self {
            key: path.with_extension("key"),
            certificate: path.with_extension("pem"),
        };
        make_key(&authority.key)?;
        if !authority.certificate.exists() {
            let text = format!(
                "[req]\ndistinguished_name = name\nprompt = no\n\
                 [name]\nCN = {name}\n\
                 [own]\nbasicConstraints = critical, CA:TRUE, pathlen:0\n\
                 keyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n"
            );
            let request = Request {
                key: &authority.key,
                config: &text,
                days: AUTHORITY_DAYS,
            };
            certify(&authority.certificate, &request, None)?;
        }
        Ok(authority)
    }

    /// Its certificate, for those who are to trust it.
    pub(super) fn certificate(&self) -> Result<Vec<u8>, ClusterError> {
        std::fs::read(&self.certificate).map_err(file("reading", &self.certificate))
    }

    /// Makes `<path>.key` and `<path>.pem` where they are missing or end soon.
    pub(super) fn sign(
        &self,
        path: &Path,
        name: &str,
        purpose: Purpose<'_>,
    ) -> Result<(), ClusterError> {
        let key = path.with_extension("key");
        let certificate = path.with_extension("pem");
        make_key(&key)?;
        if is_good(&certificate) {
            return Ok(());
        }
        let request = Request {
            key: &key,
            config: &request(name, purpose),
            days: CERTIFICATE_DAYS,
        };
        let signer = Signer {
            certificate: &self.certificate,
            key: &self.key,
        };
        certify(&certificate, &request, Some(&signer))
    }
}

impl Authority {
    /// Makes a client's certificate and its key in one file, where it is missing or ends soon: who
    /// shows the one needs the other.
    pub(super) fn identify(&self, path: &Path, name: &str) -> Result<(), ClusterError> {
        if is_good(path) {
            return Ok(());
        }
        let own = path.with_file_name("own");
        self.sign(&own, name, Purpose::Client)?;
        let mut identity = Vec::new();
        for extension in ["pem", "key"] {
            let part = own.with_extension(extension);
            identity.extend(std::fs::read(&part).map_err(file("reading", &part))?);
        }
        write_private(path, &identity)?;
        remove(&own.with_extension("pem"))?;
        remove(&own.with_extension("key"))
    }
}

/// The request and what the certificate will say, as openssl reads it.
fn request(name: &str, purpose: Purpose<'_>) -> String {
    let (usage, host) = match purpose {
        Purpose::Server(host) => ("serverAuth", Some(host)),
        Purpose::Route(host) => ("serverAuth, clientAuth", Some(host)),
        Purpose::Client => ("clientAuth", None),
    };
    let reached = host.map(|host| match host.as_str().parse::<IpAddr>() {
        Ok(address) => format!("subjectAltName = IP:{address}\n"),
        Err(_) => format!("subjectAltName = DNS:{}\n", host.as_str()),
    });
    format!(
        "[req]\ndistinguished_name = name\nprompt = no\n[name]\nCN = {name}\n\
         [own]\nbasicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n\
         extendedKeyUsage = {usage}\n{}",
        reached.unwrap_or_default()
    )
}

fn remove(path: &Path) -> Result<(), ClusterError> {
    std::fs::remove_file(path).map_err(file("removing", path))
}
