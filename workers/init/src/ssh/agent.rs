//! The client's key agent, reachable inside for as long as its session lasts.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::server::Handle;
use tokio::net::UnixListener;
use tokio::task::AbortHandle;

use super::clients::Client;
use super::forward::pass;
use crate::relay::Socket;
use crate::workspace::Workspace;

/// A socket that leads to the client's agent, until dropped.
#[derive(Debug)]
pub(super) struct AgentSocket {
    directory: PathBuf,
    task: AbortHandle,
}

impl AgentSocket {
    /// Makes the socket in a directory that only the user can enter.
    pub(super) fn open(
        workspace: Arc<Workspace>,
        client: Arc<Client>,
        handle: Handle,
        name: &str,
    ) -> io::Result<Self> {
        let account = &workspace.context().account;
        let directory = Path::new("/tmp").join(format!("nexus-agent-{name}"));
        fs::DirBuilder::new().mode(0o700).create(&directory)?;
        let path = directory.join("socket");
        let listener = UnixListener::bind(&path)?;
        account.own(&path)?;
        account.own(&directory)?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (workspace, handle) = (workspace.clone(), handle.clone());
                let Some(slot) = client.open_channel() else {
                    continue;
                };
                tokio::spawn(async move {
                    if let Ok(channel) = handle.channel_open_agent().await {
                        pass(&workspace, slot, &Socket::Unix(stream), channel).await;
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
