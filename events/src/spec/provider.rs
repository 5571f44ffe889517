//! The kinds of machines, and what each can do, as data.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What makes the machine a workspace lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// A sandboxed process tree on the worker's own machine.
    Process,
    /// A Docker container.
    Docker,
    /// An LXD container.
    Lxd,
    /// A QEMU virtual machine.
    Qemu,
    /// A Fly Machine.
    Fly,
    /// A Morph Cloud instance.
    Morph,
    /// The scripted provider of the tests.
    Fake,
}

impl Provider {
    /// Every provider a person can ask for.
    pub const ALL: [Self; 6] = [
        Self::Process,
        Self::Docker,
        Self::Lxd,
        Self::Qemu,
        Self::Fly,
        Self::Morph,
    ];

    /// The word for it in requests, subjects and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Docker => "docker",
            Self::Lxd => "lxd",
            Self::Qemu => "qemu",
            Self::Fly => "fly",
            Self::Morph => "morph",
            Self::Fake => "fake",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Provider {
    type Err = UnknownProvider;

    /// Accepts `lxc` for `lxd` and `local` for `process`, as the seeds spell them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "lxc" => Ok(Self::Lxd),
            "local" => Ok(Self::Process),
            "fake" => Ok(Self::Fake),
            _ => Self::ALL
                .into_iter()
                .find(|provider| provider.as_str() == text)
                .ok_or_else(|| UnknownProvider {
                    text: text.escape_debug().take(40).collect(),
                }),
        }
    }
}

/// No provider is called so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no provider: expected process, docker, lxd, qemu, fly or morph")]
pub struct UnknownProvider {
    text: String,
}

/// What a provider can do beyond making, starting, stopping and deleting a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Capabilities {
    /// Memory above the limit is refused by the kernel, not only counted.
    pub hard_memory_limit: bool,
    /// The workspace has a network of its own, so its ports cannot clash with another's.
    pub own_network: bool,
    /// The state of the disk can be saved and brought back.
    pub snapshot: bool,
    /// A running copy can be made.
    pub fork: bool,
    /// Memory can be put to sleep with the disk.
    pub pause: bool,
}
