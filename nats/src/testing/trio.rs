//! Three servers as an operator would run them: made by [`crate::cluster`], each on a host of its
//! own, to be killed, unplugged and deafened.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use nexus_events::id::NodeId;
use tempfile::TempDir;

use super::ClusterFiles;
use super::hosts::Hosts;
use crate::connect::{Bus, Options, Role};
use crate::embedded::find_binary;

/// Why there is no cluster for this test.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TrioError(pub(super) String);

/// Three running servers.
#[derive(Debug)]
pub struct Trio {
    servers: [Option<Child>; 3],
    hosts: Hosts,
    files: ClusterFiles,
    binary: PathBuf,
    // Removed after the servers have ended: fields are dropped in order.
    folder: TempDir,
}

impl Trio {
    /// Why it cannot be had on this machine; `None` when it can.
    pub fn missing() -> Option<&'static str> {
        Hosts::missing()
    }

    /// Makes the files and the hosts, and starts the servers.
    ///
    /// # Errors
    /// When the machine refuses.
    pub fn start(workers: &[&str]) -> Result<Self, TrioError> {
        let text = |error: &dyn std::fmt::Display| TrioError(error.to_string());
        let folder = tempfile::Builder::new()
            .prefix("nexus-trio-")
            .tempdir()
            .map_err(|error| text(&error))?;
        let hosts = [0, 1, 2].map(Hosts::address);
        let workers: Vec<String> = workers
            .iter()
            .map(|name| format!("{name}=process"))
            .collect();
        let files = ClusterFiles::make(folder.path(), hosts, &workers)?;
        let mut trio = Self {
            servers: [None, None, None],
            hosts: Hosts::make(3)?,
            files,
            binary: find_binary(None).map_err(|error| text(&error))?,
            folder,
        };
        for server in 0..3 {
            trio.run(server)?;
        }
        Ok(trio)
    }

    /// Takes the calling thread to where the servers can be reached. A runtime made after that is
    /// there with all its threads.
    ///
    /// # Errors
    /// When the machine refuses.
    pub fn enter(&self) -> Result<(), TrioError> {
        self.hosts.enter()
    }

    /// How a client of this name (`control-plane`, `worker-NAME`, `operator`) connects.
    pub fn options(&self, client: &str, role: Role) -> Options {
        self.files.options(client, role)
    }

    /// Where a server takes clients.
    pub fn url(&self, server: usize) -> String {
        self.files.url(server)
    }

    /// The folder of a client's files.
    pub fn client(&self, name: &str) -> PathBuf {
        self.files.client(name)
    }

    /// The node a worker's credentials were made for.
    pub fn node_of(&self, worker: &str) -> Option<NodeId> {
        self.files.node_of(worker)
    }

    /// The folder of a server's files.
    pub fn node(&self, server: usize) -> PathBuf {
        self.files.node(server)
    }

    /// What servers and clients read.
    pub const fn files(&self) -> &ClusterFiles {
        &self.files
    }

    /// The folder everything is in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `kill -9`, and it stays dead.
    pub fn kill(&mut self, server: usize) {
        if let Some(mut child) = self.servers[server].take() {
            // It may have ended by itself.
            let _ended = child.kill();
            let _status = child.wait();
        }
    }

    /// Starts a killed one again.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&mut self, server: usize) -> Result<(), TrioError> {
        let failed = |error: std::io::Error| TrioError(format!("starting a server: {error}"));
        let folder = self.node(server);
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join("server.log"))
            .map_err(failed)?;
        let child = self
            .hosts
            .command(server, &self.binary)
            .args(["--config", "nats.conf"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        self.servers[server] = Some(child);
        Ok(())
    }

    /// Unplugs a server's host: nothing gets there, nothing comes from there.
    ///
    /// # Errors
    /// When the machine refuses.
    pub fn unplug(&self, server: usize) -> Result<(), TrioError> {
        self.hosts.plug(server, false)
    }

    /// Has a server hear nothing from the others, while they still hear it, and clients both.
    ///
    /// # Errors
    /// When the machine refuses.
    pub fn deafen(&self, server: usize) -> Result<(), TrioError> {
        self.hosts.deafen(server)
    }

    /// Plugs every host in, has all hear each other, and starts what was killed.
    ///
    /// # Errors
    /// When the machine refuses.
    pub fn heal(&mut self) -> Result<(), TrioError> {
        for server in 0..3 {
            self.hosts.plug(server, true)?;
            self.hosts.undeafen(server)?;
            if self.servers[server].is_none() {
                self.run(server)?;
            }
        }
        Ok(())
    }

    /// Who leads the log at the moment, as the cluster says.
    pub async fn leader(&self, bus: &Bus) -> Option<usize> {
        self.files.leader(bus).await
    }

    /// Whether the log has a leader and every copy of it is as long.
    pub async fn is_whole(&self, bus: &Bus) -> bool {
        self.files.is_whole(bus).await
    }

    /// The end of every server's log, for a test that failed.
    pub fn logs(&self) -> String {
        let end = |server: usize| {
            let path = self.node(server).join("server.log");
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let lines: Vec<&str> = text.lines().rev().take(30).collect();
            let lines: Vec<&str> = lines.into_iter().rev().collect();
            format!("--- {}\n{}", ClusterFiles::name(server), lines.join("\n"))
        };
        (0..3).map(end).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Trio {
    fn drop(&mut self) {
        for server in 0..3 {
            self.kill(server);
        }
    }
}
