//! One life, five vocabularies: what each outside interface calls a phase.
//!
//! Each mapping is a single exhaustive match, so a new phase asks every interface its question.
//! `None` means that the interface has no such resource any more and answers "not found".

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::workspace::Phase;

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($word:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(rename_all = "lowercase")]
        #[expect(missing_docs, reason = "the words are the interface's own")]
        pub enum $name { $($word),* }

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$word),*];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// What `/api/v1` says of a workspace.
    WorkspaceStatus {
        Pending = "pending", Creating = "creating", Running = "running",
        Stopped = "stopped", Error = "error",
    }
}
vocabulary! {
    /// What `/machines` says of a machine.
    MachineStatus {
        Created = "created", Starting = "starting", Running = "running",
        Stopping = "stopping", Stopped = "stopped", Error = "error",
    }
}
vocabulary! {
    /// What `/rpc` says of a workspace.
    RpcStatus { Running = "running", Stopped = "stopped", Creating = "creating", Error = "error" }
}
vocabulary! {
    /// What the orchestration library says of an instance.
    InstanceStatus {
        Booting = "booting", Ready = "ready", Stopping = "stopping",
        Stopped = "stopped", Error = "error",
    }
}
vocabulary! {
    /// What Morph Cloud says of an instance.
    MorphStatus {
        Pending = "pending", Ready = "ready", Paused = "paused", Saving = "saving", Error = "error",
    }
}

impl WorkspaceStatus {
    /// The word for `phase`.
    pub const fn of(phase: Phase) -> Option<Self> {
        Some(match phase {
            Phase::Absent => Self::Pending,
            Phase::Requested | Phase::Provisioning | Phase::Starting => Self::Creating,
            // A poller waits for `stopped`, so a machine on its way down is not that yet.
            Phase::Running | Phase::Stopping => Self::Running,
            Phase::Stopped | Phase::Deleting => Self::Stopped,
            Phase::Failed => Self::Error,
            Phase::Deleted => return None,
        })
    }
}

impl MachineStatus {
    /// The word for `phase`.
    pub const fn of(phase: Phase) -> Option<Self> {
        Some(match phase {
            Phase::Absent | Phase::Requested => Self::Created,
            Phase::Provisioning | Phase::Starting => Self::Starting,
            Phase::Running => Self::Running,
            Phase::Stopping | Phase::Deleting => Self::Stopping,
            Phase::Stopped => Self::Stopped,
            Phase::Failed => Self::Error,
            Phase::Deleted => return None,
        })
    }
}

impl RpcStatus {
    /// The word for `phase`.
    pub const fn of(phase: Phase) -> Option<Self> {
        Some(match phase {
            Phase::Absent | Phase::Requested | Phase::Provisioning | Phase::Starting => {
                Self::Creating
            }
            Phase::Running | Phase::Stopping => Self::Running,
            Phase::Stopped | Phase::Deleting => Self::Stopped,
            Phase::Failed => Self::Error,
            Phase::Deleted => return None,
        })
    }
}

impl InstanceStatus {
    /// The word for `phase`.
    pub const fn of(phase: Phase) -> Option<Self> {
        Some(match phase {
            Phase::Absent | Phase::Requested | Phase::Provisioning | Phase::Starting => {
                Self::Booting
            }
            Phase::Running => Self::Ready,
            Phase::Stopping | Phase::Deleting => Self::Stopping,
            Phase::Stopped => Self::Stopped,
            Phase::Failed => Self::Error,
            Phase::Deleted => return None,
        })
    }

    /// The word for what Morph Cloud says.
    pub const fn of_morph(status: MorphStatus) -> Self {
        match status {
            MorphStatus::Pending => Self::Booting,
            MorphStatus::Ready => Self::Ready,
            MorphStatus::Paused => Self::Stopped,
            MorphStatus::Saving => Self::Stopping,
            MorphStatus::Error => Self::Error,
        }
    }
}

impl MorphStatus {
    /// The word Morph Cloud would use for `phase`.
    pub const fn of(phase: Phase) -> Option<Self> {
        Some(match phase {
            Phase::Absent | Phase::Requested | Phase::Provisioning | Phase::Starting => {
                Self::Pending
            }
            Phase::Running => Self::Ready,
            Phase::Stopping | Phase::Deleting => Self::Saving,
            Phase::Stopped => Self::Paused,
            Phase::Failed => Self::Error,
            Phase::Deleted => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table itself, a line a phase: workspace, machine, rpc, instance, morph.
    const TABLE: [(Phase, Option<[&str; 5]>); 10] = [
        (
            Phase::Absent,
            Some(["pending", "created", "creating", "booting", "pending"]),
        ),
        (
            Phase::Requested,
            Some(["creating", "created", "creating", "booting", "pending"]),
        ),
        (
            Phase::Provisioning,
            Some(["creating", "starting", "creating", "booting", "pending"]),
        ),
        (
            Phase::Starting,
            Some(["creating", "starting", "creating", "booting", "pending"]),
        ),
        (
            Phase::Running,
            Some(["running", "running", "running", "ready", "ready"]),
        ),
        (
            Phase::Stopping,
            Some(["running", "stopping", "running", "stopping", "saving"]),
        ),
        (
            Phase::Stopped,
            Some(["stopped", "stopped", "stopped", "stopped", "paused"]),
        ),
        (
            Phase::Deleting,
            Some(["stopped", "stopping", "stopped", "stopping", "saving"]),
        ),
        (Phase::Deleted, None),
        (
            Phase::Failed,
            Some(["error", "error", "error", "error", "error"]),
        ),
    ];

    fn words(phase: Phase) -> Option<[&'static str; 5]> {
        Some([
            WorkspaceStatus::of(phase)?.as_str(),
            MachineStatus::of(phase)?.as_str(),
            RpcStatus::of(phase)?.as_str(),
            InstanceStatus::of(phase)?.as_str(),
            MorphStatus::of(phase)?.as_str(),
        ])
    }

    #[test]
    fn every_phase_has_its_word_in_every_vocabulary() {
        assert_eq!(TABLE.map(|(phase, _)| phase), Phase::ALL);
        for (phase, expected) in TABLE {
            assert_eq!(words(phase), expected, "{phase:?}");
        }
    }

    #[test]
    fn every_word_of_every_vocabulary_is_said_of_some_phase() {
        let said: Vec<_> = Phase::ALL.into_iter().filter_map(words).collect();
        let all: [Vec<&str>; 5] = [
            WorkspaceStatus::ALL
                .iter()
                .map(|word| word.as_str())
                .collect(),
            MachineStatus::ALL
                .iter()
                .map(|word| word.as_str())
                .collect(),
            RpcStatus::ALL.iter().map(|word| word.as_str()).collect(),
            InstanceStatus::ALL
                .iter()
                .map(|word| word.as_str())
                .collect(),
            MorphStatus::ALL.iter().map(|word| word.as_str()).collect(),
        ];
        for (column, vocabulary) in all.iter().enumerate() {
            for word in vocabulary {
                assert!(
                    said.iter().any(|line| line[column] == *word),
                    "{word} is never said"
                );
            }
        }
    }

    #[test]
    fn words_are_spelled_on_the_wire_as_in_the_table() {
        for status in MorphStatus::ALL {
            let json = serde_json::to_value(status).unwrap();
            assert_eq!(json, status.as_str());
        }
    }
}
