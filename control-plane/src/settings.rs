//! What an operator can set, with the defaults of one machine and one person.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use nexus_events::spec::SourceRules;
use nexus_events::workspace::OperationKind;

use crate::ssh::SshListen;

/// The settings of a control plane; they do not change while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where everything of its own is kept (0700).
    pub home: PathBuf,
    /// Where the keys are that all replicas share: the master key and the SSH keys.
    pub keys: PathBuf,
    /// Whether the log is used with these keys from now on, should it have been with others.
    pub replace_keys: bool,
    /// Where the API is served.
    pub listen: SocketAddr,
    /// The host people reach workspaces under, in SSH commands and URLs.
    pub public_host: String,
    /// The domain previews are named under; all names below it have to lead here.
    pub preview_domain: String,
    /// Ports for SSH, tried pool by pool.
    pub ssh_ports: Vec<RangeInclusive<u16>>,
    /// Where the jump host listens.
    pub ssh_listen: SshListen,
    /// How long after its release a port is kept from other workspaces.
    pub port_quarantine: SignedDuration,
    /// Whether workspaces live on this very machine, so that a port something else listens on
    /// here is no use to them.
    pub on_this_machine: bool,
    /// What may be cloned.
    pub sources: SourceRules,
    /// How long operations may take.
    pub deadlines: Deadlines,
    /// When a silent node counts as lost, and its operations as failed.
    pub silence: Silence,
}

/// How long each kind of operation may take, from acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Making a workspace; clones, installs and a first base image are in it.
    pub create: SignedDuration,
    /// Bringing one up again.
    pub start: SignedDuration,
    /// Bringing one down.
    pub stop: SignedDuration,
    /// Removing one.
    pub delete: SignedDuration,
}

impl Deadlines {
    /// How long an operation of `kind` may take.
    pub const fn of(&self, kind: OperationKind) -> SignedDuration {
        match kind {
            OperationKind::Create => self.create,
            OperationKind::Start => self.start,
            OperationKind::Stop => self.stop,
            OperationKind::Delete => self.delete,
        }
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            create: SignedDuration::from_mins(30),
            start: SignedDuration::from_mins(10),
            stop: SignedDuration::from_mins(3),
            delete: SignedDuration::from_mins(5),
        }
    }
}

/// How much silence of a node means what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// After this it is lost, and its workspaces are unknown.
    pub lost: SignedDuration,
    /// After this long lost, its operations in flight fail.
    pub abandoned: SignedDuration,
}

impl Default for Silence {
    fn default() -> Self {
        Self {
            lost: SignedDuration::from_secs(15),
            abandoned: SignedDuration::from_secs(60),
        }
    }
}

impl Settings {
    /// The defaults, with everything kept in `home`.
    pub fn in_home(home: impl Into<PathBuf>) -> Self {
        let home = home.into();
        Self {
            keys: home.clone(),
            home,
            replace_keys: false,
            listen: SocketAddr::from(([127, 0, 0, 1], 3001)),
            public_host: "127.0.0.1".into(),
            preview_domain: "preview.localhost".into(),
            ssh_ports: vec![2222..=2299, 32800..=34999],
            ssh_listen: SshListen::default(),
            port_quarantine: SignedDuration::from_mins(5),
            on_this_machine: false,
            sources: SourceRules {
                hosts: vec!["github.com".into()],
                local_files: true,
            },
            deadlines: Deadlines::default(),
            silence: Silence::default(),
        }
    }

    /// Where the read model is kept.
    pub fn read_model(&self) -> PathBuf {
        self.home.join("read-model").join("nexus.sqlite")
    }

    /// The key that seals personal fields.
    pub fn master_key(&self) -> PathBuf {
        self.keys.join("master.key")
    }

    /// The local socket.
    pub fn socket(&self) -> PathBuf {
        self.home.join("daemon.sock")
    }

    /// A file or folder in the home.
    pub fn in_this_home(&self, name: impl AsRef<Path>) -> PathBuf {
        self.home.join(name)
    }
}
