//! Two hosts on one machine: network namespaces joined by a cable, with one way open.
//!
//! The control plane's host takes connections at one port only, the worker's none at all unless one
//! is opened; neither sees the other's files. So whatever reaches a workspace went over the worker's
//! own connection, or through what was opened.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;
use tokio::process::{Child, Command};

use crate::tool;

/// The address of the control plane's host on the cable.
pub const CONTROL: &str = "10.253.77.1";
/// The address of the worker's host on the cable.
pub const WORKER: &str = "10.253.77.2";

/// How many pairs this process has made.
static MADE: AtomicU32 = AtomicU32::new(0);

/// Which of the two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Where the log and the control plane are.
    Control,
    /// Where the workspaces are.
    Worker,
}

/// Both hosts, until dropped.
#[derive(Debug)]
pub struct Hosts {
    name: String,
}

impl Hosts {
    /// Whether this machine lets us make them.
    pub fn possible() -> bool {
        let is_there = |program: &str| {
            ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
                .iter()
                .any(|folder| Path::new(folder).join(program).exists())
        };
        rustix::process::geteuid().is_root()
            && ["ip", "iptables", "nsenter", "unshare"]
                .into_iter()
                .all(is_there)
    }

    /// Makes both; the control plane's host takes connections at `port` only.
    ///
    /// # Errors
    /// When the machine refuses.
    pub async fn make(port: u16) -> anyhow::Result<Self> {
        let hosts = Self {
            name: format!(
                "nexus-{}-{}",
                std::process::id(),
                MADE.fetch_add(1, Ordering::Relaxed)
            ),
        };
        let (control, worker) = (
            hosts.namespace(Host::Control),
            hosts.namespace(Host::Worker),
        );
        for namespace in [&control, &worker] {
            ip(&["netns", "add", namespace]).await?;
            ip(&["-n", namespace, "link", "set", "lo", "up"]).await?;
        }
        let cable = ["link", "add", "cable", "netns", &control, "type", "veth"];
        ip(&[&cable[..], &["peer", "name", "cable", "netns", &worker]].concat()).await?;
        for (namespace, address) in [(&control, CONTROL), (&worker, WORKER)] {
            let address = format!("{address}/30");
            ip(&["-n", namespace, "address", "add", &address, "dev", "cable"]).await?;
            ip(&["-n", namespace, "link", "set", "cable", "up"]).await?;
        }
        let port = port.to_string();
        hosts
            .allow(Host::Control, &["-p", "tcp", "--dport", &port])
            .await?;
        for host in [Host::Control, Host::Worker] {
            let answers = ["-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED"];
            hosts.allow(host, &answers).await?;
            hosts
                .filter(host, &["-A", "INPUT", "-i", "cable", "-j", "DROP"])
                .await?;
        }
        Ok(hosts)
    }

    /// Opens `port` of a host to the other.
    ///
    /// # Errors
    /// When the machine refuses.
    pub async fn open(&self, host: Host, port: u16) -> anyhow::Result<()> {
        self.at_port(host, port, "ACCEPT").await
    }

    /// Cuts what goes to `port` of a host, open connections among it: nothing answers there.
    ///
    /// # Errors
    /// When the machine refuses.
    pub async fn cut(&self, host: Host, port: u16) -> anyhow::Result<()> {
        self.at_port(host, port, "DROP").await
    }

    /// The newest rule comes first.
    async fn at_port(&self, host: Host, port: u16, verdict: &str) -> anyhow::Result<()> {
        let port = port.to_string();
        let which = ["-I", "INPUT", "-i", "cable", "-p", "tcp", "--dport", &port];
        self.filter(host, &[&which[..], &["-j", verdict]].concat())
            .await
    }

    async fn allow(&self, host: Host, rule: &[&str]) -> anyhow::Result<()> {
        let rule = [&["-A", "INPUT", "-i", "cable"], rule, &["-j", "ACCEPT"]].concat();
        self.filter(host, &rule).await
    }

    async fn filter(&self, host: Host, rule: &[&str]) -> anyhow::Result<()> {
        let mut command = self.command(host, "iptables");
        command.args(rule);
        tool::finish(command).await?.success()?;
        Ok(())
    }

    fn namespace(&self, host: Host) -> String {
        let end = match host {
            Host::Control => "c",
            Host::Worker => "w",
        };
        format!("{}{end}", self.name)
    }

    /// A program on `host`, which shares all files with the other.
    pub fn command(&self, host: Host, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{}", self.namespace(host)))
            .arg("--")
            .arg(program);
        command
    }

    /// A program on `host` for which `hidden` is an empty folder.
    pub fn command_without(
        &self,
        host: Host,
        hidden: &Path,
        program: impl AsRef<OsStr>,
    ) -> Command {
        let mut command = self.command(host, "unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-c"])
            .arg(r#"mount -t tmpfs none "$0" && exec "$@""#)
            .arg(hidden)
            .arg(program);
        command
    }

    /// Whether a connection from one host to the other's `port` is taken.
    ///
    /// # Errors
    /// When it cannot be tried.
    pub async fn reaches(&self, from: Host, address: &str, port: u16) -> anyhow::Result<bool> {
        let mut command = self.command(from, "bash");
        command.arg("-c").arg(format!(
            "timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/{port}'"
        ));
        Ok(tool::finish(command).await?.code == Some(0))
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in [Host::Control, Host::Worker] {
            let _ = std::process::Command::new("ip")
                .args(["netns", "delete", &self.namespace(host)])
                .status();
        }
    }
}

async fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    tool::run("ip", arguments).await?.success()?;
    Ok(())
}

/// A program that runs until dropped, what it says going to `log`.
///
/// # Errors
/// When it cannot be started.
pub fn spawn(mut command: Command, log: &PathBuf) -> anyhow::Result<Child> {
    let log = std::fs::File::create(log)?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .context("starting a program on a host")
}
