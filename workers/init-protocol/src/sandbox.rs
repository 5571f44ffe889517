//! The sandbox of the process provider: what `nexus-init sandbox --config FILE` makes, and what
//! `nexus-init probe` says is possible.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One sandbox, as a JSON file. All paths are absolute paths of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxConfig {
    /// A directory tree with a distribution in it; never written to.
    pub base: PathBuf,
    /// Made if missing: holds `upper` (all changes), `work`, `root` (mount point), `run` (socket
    /// `init.sock`, file `ready`, `state`, `log`). It has to be on another mount than a base of `/`.
    pub directory: PathBuf,
    /// Host name inside; letters, digits, hyphens, at most 63.
    pub hostname: String,
    /// How the sandbox reaches the world.
    pub network: SandboxNetwork,
    /// Limits; absent ones are not set.
    #[serde(default)]
    pub limits: SandboxLimits,
    /// Mounted on top of the tree.
    #[serde(default)]
    pub binds: Vec<SandboxBind>,
    /// Directories and files of the base tree that are shown empty.
    #[serde(default)]
    pub masked: Vec<PathBuf>,
    /// Environment of init, and so of everything in the sandbox.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

impl SandboxConfig {
    /// Where init listens.
    pub fn socket(&self) -> PathBuf {
        self.directory.join("run/init.sock")
    }

    /// Holds a [`SandboxReady`] as soon as init listens.
    pub fn ready_file(&self) -> PathBuf {
        self.directory.join("run/ready")
    }

    /// What init logs.
    pub fn log_file(&self) -> PathBuf {
        self.directory.join("run/log")
    }
}

/// How a sandbox reaches the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SandboxNetwork {
    /// Its own loopback and nothing else.
    Loopback,
    /// The host's network: ports can clash.
    Host,
    /// Its own network behind a veth pair; as root only. Init makes the pair, replacing a left-over
    /// host end of that name; the worker hands out the addresses and sees to forwarding, address
    /// translation and the firewall.
    Veth {
        /// Name of the host's end; inside it is `eth0`.
        interface: String,
        /// The host's end of the /30, the gateway inside.
        host: Ipv4Addr,
        /// The sandbox's end of the /30.
        workspace: Ipv4Addr,
    },
    /// Its own network behind `slirp4netns`.
    Slirp4netns,
}

/// Limits of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxLimits {
    /// Memory in bytes, by cgroup.
    pub memory_bytes: Option<u64>,
    /// Processor time in thousandths of a core, by cgroup.
    pub cpu_milli: Option<u32>,
    /// Processes, by cgroup, else by rlimit.
    pub processes: Option<u64>,
    /// Open files of one process, by rlimit.
    pub open_files: Option<u64>,
}

/// One bind mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxBind {
    /// On the host.
    pub source: PathBuf,
    /// In the sandbox; made if missing.
    pub target: PathBuf,
    /// Not writable inside.
    #[serde(default)]
    pub read_only: bool,
}

/// What `run/ready` and the standard output of `nexus-init sandbox` hold: one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxReady {
    /// Process number of init as the host sees it; killing it ends the sandbox.
    pub process_id: u32,
    /// Start time of that process in clock ticks after boot: with it, a number used again is told
    /// from ours.
    pub start_ticks: u64,
    /// From exec to listening, in microseconds.
    pub elapsed_us: u64,
    /// What the sandbox has and lacks.
    pub capabilities: SandboxCapabilities,
}

/// What a sandbox on this host, by this user, has and lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxCapabilities {
    /// How ids are mapped.
    pub ids: IdMode,
    /// Whether it has its own network.
    pub own_network: bool,
    /// Whether it reaches beyond the host.
    pub outbound_network: bool,
    /// Whether memory is limited by the kernel.
    pub memory_limit: bool,
    /// Whether processor time is limited by the kernel.
    pub cpu_limit: bool,
    /// Whether the number of processes is limited by the kernel.
    pub process_limit: bool,
    /// What lacks and how to get it, for people.
    pub notes: Vec<String>,
}

/// How a sandbox gets its user ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdMode {
    /// The host's root makes it; ids are the host's.
    Root,
    /// A user namespace with the user's subordinate ids.
    Subordinate,
    /// A user namespace with one id: the user is root inside, no other user can exist.
    Single,
}

/// What `nexus-init probe` prints: one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxProbe {
    /// Whether a sandbox can be made at all.
    pub usable: bool,
    /// What it would have; none when it cannot be made.
    pub capabilities: Option<SandboxCapabilities>,
    /// The best network there is; none when it cannot be made.
    pub network: Option<ProbedNetwork>,
    /// Why not, and how to allow it.
    pub reasons: Vec<String>,
}

/// The best network a sandbox can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbedNetwork {
    /// [`SandboxNetwork::Veth`].
    Veth,
    /// [`SandboxNetwork::Slirp4netns`].
    Slirp4netns,
    /// [`SandboxNetwork::Host`].
    Host,
}
