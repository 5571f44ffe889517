//! What is behind a port: init of one workspace, which may have to be woken first.

use std::path::PathBuf;

use tokio::sync::watch;

/// The way into one workspace.
pub trait Door: Send + Sync + 'static {
    /// Where its init listens, whether or not it does now.
    fn socket(&self) -> PathBuf;

    /// Has it started when it is stopped. All who knock while it comes up share one answer.
    fn knock(&self) -> watch::Receiver<Coming>;
}

/// How a workspace that was knocked at comes up. A sender that is gone means that nobody will say
/// more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coming {
    /// Not yet; a line for people says how far it is.
    Soon(String),
    /// It runs.
    Up,
    /// It will not, and why.
    Not(String),
}

/// A door that is open or shut: nobody can be woken behind it.
#[derive(Debug, Clone)]
pub struct SocketDoor(pub PathBuf);

impl Door for SocketDoor {
    fn socket(&self) -> PathBuf {
        self.0.clone()
    }

    fn knock(&self) -> watch::Receiver<Coming> {
        watch::channel(Coming::Not("it does not run".into())).1
    }
}
