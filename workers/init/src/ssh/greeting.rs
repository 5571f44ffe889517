//! What every connection is greeted with: host key and certificate, algorithms, limits.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{Algorithm, PrivateKey};
use russh::server::Config;
use russh::{MethodKind, MethodSet, Preferred, SshId};

use crate::setup::ssh_keys::host_key;
use crate::workspace::Workspace;

const MAX_ATTEMPTS: usize = 6;
/// A peer that is silent is asked this often, and given up after ten times without an answer.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Every refused attempt takes this long, whatever the reason.
const REJECTION_TIME: Duration = Duration::from_millis(300);
/// Bytes a client may send on one channel before it is granted more.
const WINDOW: u32 = 2 << 20;

/// The greeting in force, made anew after each change of the access document.
pub(super) fn of(workspace: &Workspace) -> io::Result<Arc<Config>> {
    workspace.ssh.greeting(|| {
        let key = host_key(&workspace.state)?;
        Ok(config(workspace, key))
    })
}

fn config(workspace: &Workspace, key: PrivateKey) -> Config {
    let policy = workspace.access.policy();
    let certificate = policy.host_certificate(key.public_key());
    Config {
        server_id: SshId::Standard("SSH-2.0-nexus".into()),
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: REJECTION_TIME,
        auth_rejection_time_initial: Some(Duration::ZERO),
        certificates: certificate.cloned().into_iter().collect(),
        keys: vec![key],
        preferred: preferred(),
        max_auth_attempts: MAX_ATTEMPTS,
        inactivity_timeout: None,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: 10,
        window_size: WINDOW,
        ..Config::default()
    }
}

/// What clients are told they may sign with: everything but RSA over SHA-1.
fn preferred() -> Preferred {
    let all = Preferred::DEFAULT.key;
    let is_sound = |algorithm: &&Algorithm| !matches!(algorithm, Algorithm::Rsa { hash: None });
    Preferred {
        key: Cow::Owned(all.iter().filter(is_sound).cloned().collect()),
        ..Preferred::DEFAULT
    }
}
