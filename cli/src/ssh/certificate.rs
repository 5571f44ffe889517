//! A short certificate for each workspace, renewed before it ends.
//!
//! ssh reads its `CertificateFile` right after it has started the `ProxyCommand`, without waiting
//! for it. So the file must be there before: `Match … exec "nexus ssh --certificate %h"` sees to
//! that, and `nexus ssh --stdio` looks again.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use nexus_events::view::{CertificateReply, CertificateRequest, WorkspaceView};

use super::certificate_file::{Certificate, plain_key};
use crate::client::{Client, Request};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::home::{self, Home};
use crate::reference::DOMAIN;
use crate::ssh_key::{self, PublicKey};

/// A working day; the server may give less.
const VALID_SECONDS: u32 = 8 * 3600;

/// Where the certificate for the host `NAME.nexus` is.
pub(crate) fn path(home: &Home, host: &str) -> PathBuf {
    home.ssh().join(format!("certificates/{host}-cert.pub"))
}

/// A certificate for `workspace`, under the name by which it was asked for, that will do for a
/// while; the key it is for, and where it is.
///
/// # Errors
/// The server refuses, or a file cannot be written.
pub(crate) async fn ensure(
    context: &Context,
    client: &Client,
    workspace: &WorkspaceView,
    asked_for: &str,
) -> Result<(PublicKey, PathBuf)> {
    let key = ssh_key::ours(context)?;
    let path = path(&context.home, &format!("{asked_for}{DOMAIN}"));
    let what = format!("get a certificate for workspace {}", workspace.name);
    let failed = |error: io::Error| Error::new(Exit::Failure, &what, error, "nexus doctor");
    if will_do(&path, &key, workspace) {
        return Ok((key, path));
    }
    // Ten connections at once ask once.
    let _lock = lock(&path).map_err(failed)?;
    if !will_do(&path, &key, workspace) {
        let request = Request::post(&what, "/api/v1/ssh/certificates").json(&CertificateRequest {
            public_key: key.line.clone(),
            workspace: Some(workspace.id.to_string()),
            valid_seconds: Some(VALID_SECONDS),
        });
        let reply: CertificateReply = client.send(&request).await?;
        let line = reply.certificate.trim();
        let certified = Certificate::parse(line).map(|certificate| certificate.key);
        if certified.is_none() || certified != plain_key(&key.line) {
            let why = "the server sent a certificate that is none, or for another key";
            return Err(Error::new(Exit::Failure, what, why, "nexus version"));
        }
        let text = format!("{}\n", line.lines().next().unwrap_or_default());
        home::replace_private_file(&path, text.as_bytes()).map_err(failed)?;
    }
    Ok((key, path))
}

fn will_do(path: &std::path::Path, key: &PublicKey, workspace: &WorkspaceView) -> bool {
    let text = home::read_if_there(path).ok().flatten();
    let Some(certificate) = text.as_deref().and_then(Certificate::parse) else {
        return false;
    };
    certificate.is_fresh(Timestamp::now())
        && certificate.principals.contains(&workspace.id.to_string())
        && plain_key(&key.line).as_ref() == Some(&certificate.key)
}

fn lock(path: &std::path::Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        home::create_private_folder(folder)?;
    }
    let file = File::create(path.with_extension("lock"))?;
    file.lock()?;
    Ok(file)
}
