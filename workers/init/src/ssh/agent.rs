//! The client's key agent, reachable inside for as long as its session lasts.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use russh::server::Handle;
use tokio::net::UnixListener;
use tokio::task::AbortHandle;

use crate::dial::relay;
use crate::user::Account;

/// A socket that leads to the client's agent, until dropped.
#[derive(Debug)]
pub(super) struct AgentSocket {
    directory: PathBuf,
    task: AbortHandle,
}

impl AgentSocket {
    /// Makes the socket in a directory that only the user can enter.
    pub(super) fn open(handle: Handle, account: &Account, name: &str) -> io::Result<Self> {
        let directory = Path::new("/tmp").join(format!("nexus-agent-{name}"));
        fs::DirBuilder::new().mode(0o700).create(&directory)?;
        let path = directory.join("socket");
        let listener = UnixListener::bind(&path)?;
        account.own(&path)?;
        account.own(&directory)?;
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let handle = handle.clone();
                tokio::spawn(async move {
                    if let Ok(channel) = handle.channel_open_agent().await {
                        let ends = tokio::io::split(channel.into_stream());
                        let _broken = relay(ends, stream.split(), |_| ()).await;
                    }
                });
            }
        });
        Ok(Self {
            directory,
            task: task.abort_handle(),
        })
    }

    pub(super) fn path(&self) -> String {
        self.directory.join("socket").display().to_string()
    }
}

impl Drop for AgentSocket {
    fn drop(&mut self) {
        self.task.abort();
        let _gone_already = fs::remove_dir_all(&self.directory);
    }
}
