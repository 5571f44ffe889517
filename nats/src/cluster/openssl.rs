//! Keys and certificates by the `openssl` program.
//!
//! By a program and not by a crate: this is done once a year, by hand, and every crate is paid for
//! at every build.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};

use super::{ClusterError, file, private_folder, write_private};
use crate::private_file;

/// A certificate that ends sooner is made anew, in seconds: 60 days.
const RENEW: &str = "5184000";
/// Certificates are valid since so long before they are made: whoever's clock is behind, by less,
/// could not join a cluster that was just made.
const BEFORE: SignedDuration = SignedDuration::from_hours(25);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How `openssl ca` signs. It wants to keep books, which nobody reads: in the folder it runs in.
const BOOKS: &str = "[ca]\ndefault_ca = signing\n\
    [signing]\ndatabase = index\nnew_certs_dir = .\ndefault_md = sha256\npolicy = policy\n\
    unique_subject = no\nrand_serial = yes\n\
    [policy]\ncommonName = supplied\n";

/// What is signed.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// Whose key it is for.
    pub(super) key: &'a Path,
    /// `[req]`, and `[own]` with what the certificate says.
    pub(super) config: &'a str,
    /// How many days it lives.
    pub(super) days: u32,
}

/// Who signs: a certificate and its key.
#[derive(Debug)]
pub(super) struct Signer<'a> {
    pub(super) certificate: &'a Path,
    pub(super) key: &'a Path,
}

/// Makes the certificate at `path`, signed by `signer` or, without one, by its own key.
pub(super) fn certify(
    path: &Path,
    request: &Request<'_>,
    signer: Option<&Signer<'_>>,
) -> Result<(), ClusterError> {
    let books = Books::beside(path)?;
    let config = format!("{}{BOOKS}", request.config);
    write_private(&books.0.join("cnf"), config.as_bytes())?;
    write_private(&books.0.join("index"), b"")?;

    let mut asking = openssl("req");
    asking.args(["-new", "-config", "cnf", "-out", "csr", "-key"]);
    asking.arg(request.key).current_dir(&books.0);
    run("req", path, asking)?;

    let now = Timestamp::now();
    let time = |at: Timestamp| at.strftime("%Y%m%d%H%M%SZ").to_string();
    let mut signing = openssl("ca");
    signing.args(["-batch", "-notext", "-config", "cnf", "-extensions", "own"]);
    signing.args(["-startdate", &time(now - BEFORE)]);
    signing.args([
        "-enddate",
        &time(now + DAY * i32::try_from(request.days).unwrap_or(i32::MAX)),
    ]);
    signing.args(["-in", "csr", "-out", "pem"]);
    match signer {
        Some(signer) => signing
            .arg("-cert")
            .arg(signer.certificate)
            .arg("-keyfile")
            .arg(signer.key),
        None => signing.arg("-selfsign").arg("-keyfile").arg(request.key),
    };
    signing.current_dir(&books.0);
    run("ca", path, signing)?;
    keep(&books.0.join("pem"), path)
}

/// A folder for what is of no use once the certificate is there.
#[derive(Debug)]
struct Books(PathBuf);

impl Books {
    fn beside(certificate: &Path) -> Result<Self, ClusterError> {
        let folder = certificate.with_extension("making");
        // One that was interrupted left it.
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(file("removing", &folder))?;
        }
        private_folder(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        // No secret is in it; the next run removes what is left.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Makes a key at `path` where there is none.
pub(super) fn make_key(path: &Path) -> Result<(), ClusterError> {
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
pub(super) fn is_good(path: &Path) -> bool {
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
