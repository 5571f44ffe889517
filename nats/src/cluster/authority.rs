//! An authority and the certificates it signs, by the `openssl` program.
//!
//! By a program and not by a crate: this is done once a year, by hand, and every crate is paid for
//! at every build.

use std::fs::Permissions;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{ClusterError, Host, file, write_private};
use crate::private_file;

/// How long an authority lives, in days.
const AUTHORITY_DAYS: &str = "3650";
/// How long a certificate lives, in days.
const CERTIFICATE_DAYS: &str = "825";
/// A certificate that ends sooner is made anew, in seconds: 60 days.
const RENEW: &str = "5184000";

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
            let config = path.with_extension("cnf");
            let text = format!(
                "[req]\ndistinguished_name = name\nprompt = no\nx509_extensions = own\n\
                 [name]\nCN = {name}\n\
                 [own]\nbasicConstraints = critical, CA:TRUE, pathlen:0\n\
                 keyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n"
            );
            write_private(&config, text.as_bytes())?;
            let new = path.with_extension("new");
            let mut command = openssl("req");
            command.args(["-new", "-x509", "-days", AUTHORITY_DAYS, "-config"]);
            command.arg(&config).arg("-key").arg(&authority.key);
            command.arg("-out").arg(&new);
            run("req", &authority.certificate, command)?;
            keep(&new, &authority.certificate)?;
            remove(&config)?;
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
        let config = path.with_extension("cnf");
        write_private(&config, request(name, purpose).as_bytes())?;
        let asked = path.with_extension("csr");
        let mut command = openssl("req");
        command.arg("-new").arg("-config").arg(&config);
        command.arg("-key").arg(&key).arg("-out").arg(&asked);
        run("req", &certificate, command)?;

        let new = path.with_extension("new");
        let serial = format!("0x{}", uuid::Uuid::now_v7().simple());
        let mut command = openssl("x509");
        command.args(["-req", "-days", CERTIFICATE_DAYS, "-set_serial", &serial]);
        command
            .args(["-extensions", "own", "-extfile"])
            .arg(&config);
        command.arg("-in").arg(&asked).arg("-out").arg(&new);
        command.arg("-CA").arg(&self.certificate);
        command.arg("-CAkey").arg(&self.key);
        run("x509", &certificate, command)?;
        keep(&new, &certificate)?;
        remove(&asked)?;
        remove(&config)
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

fn make_key(path: &Path) -> Result<(), ClusterError> {
    if path.exists() {
        return Ok(());
    }
    let new = path.with_extension("new");
    // Made private before anything is in it.
    private_file::open(&new, true).map_err(file("making", &new))?;
    let mut command = openssl("genpkey");
    command.args(["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    command.arg("-out").arg(&new);
    run("genpkey", path, command)?;
    keep(&new, path)
}

/// Whether the certificate is there and lives for a while.
fn is_good(path: &Path) -> bool {
    let mut command = openssl("x509");
    command
        .args(["-noout", "-checkend", RENEW, "-in"])
        .arg(path);
    path.exists() && run("x509", path, command).is_ok()
}

fn openssl(verb: &str) -> Command {
    let mut command = Command::new("openssl");
    command.arg(verb);
    command
}

fn run(verb: &'static str, path: &Path, mut command: Command) -> Result<(), ClusterError> {
    let failed = |said: String| ClusterError::Openssl {
        verb,
        path: path.to_owned(),
        said,
    };
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if done.status.success() {
        return Ok(());
    }
    Err(failed(
        String::from_utf8_lossy(&done.stderr).trim().to_owned(),
    ))
}

/// Gives what openssl wrote its name, private.
fn keep(new: &Path, path: &Path) -> Result<(), ClusterError> {
    let private = Permissions::from_mode(0o600);
    std::fs::set_permissions(new, private).map_err(file("making private", new))?;
    std::fs::rename(new, path).map_err(file("naming", path))
}

fn remove(path: &Path) -> Result<(), ClusterError> {
    std::fs::remove_file(path).map_err(file("removing", path))
}
