//! The claim aggregate: one value of a limited kind, held for one workspace at a time.
//!
//! A claim is how uniqueness is had from a log: `name-<owner>-<name>` and `port-<port>` are
//! aggregates of their own, and the first append wins. A claim says whom it is for, so that a
//! reconciler can release one whose workspace never came.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::aggregate::{Aggregate, Decision, EventData, Kind};
use crate::id::{UserId, WorkspaceId};
use crate::name::WorkspaceName;

/// What is claimed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClaimId {
    /// A workspace's name among its owner's.
    Name {
        /// Whose.
        owner: UserId,
        /// Which.
        name: WorkspaceName,
    },
    /// A TCP port of the gateway's or the nodes' pools.
    Port(u16),
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { owner, name } => write!(f, "name-{}-{name}", owner.uuid().simple()),
            Self::Port(port) => write!(f, "port-{port}"),
        }
    }
}

impl FromStr for ClaimId {
    type Err = UnknownClaim;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownClaim {
            text: text.chars().take(100).collect(),
        };
        if let Some(port) = text.strip_prefix("port-") {
            return port.parse().map(Self::Port).map_err(|_| unknown());
        }
        let rest = text.strip_prefix("name-").ok_or_else(unknown)?;
        let (owner, name) = rest.split_once('-').ok_or_else(unknown)?;
        Ok(Self::Name {
            owner: format!("user-{owner}").parse().map_err(|_| unknown())?,
            name: name.parse().map_err(|_| unknown())?,
        })
    }
}

impl Serialize for ClaimId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClaimId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// No claim is called so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no claim: expected `name-<owner>-<name>` or `port-<port>`")]
pub struct UnknownClaim {
    text: String,
}

/// Who holds the value, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Claim {
    /// The workspace it is held for; `None`: free.
    pub holder: Option<WorkspaceId>,
    /// When it was last claimed or released.
    pub changed_at: Option<Timestamp>,
    /// The workspace it was held for before, which may have it back at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_holder: Option<WorkspaceId>,
}

impl Claim {
    /// Until when `workspace` is kept from a value that was released less than `quarantine` ago.
    pub fn kept_until(
        &self,
        workspace: WorkspaceId,
        quarantine: SignedDuration,
    ) -> Option<Timestamp> {
        let (holder, released) = (self.last_holder?, self.changed_at?);
        let is_kept = self.holder.is_none() && holder != workspace && !quarantine.is_zero();
        is_kept.then(|| released.checked_add(quarantine).ok())?
    }
}

/// A fact about a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "fields mean what they mean in `Claim`")]
pub enum ClaimEvent {
    /// The value is held from now on.
    Claimed {
        workspace: WorkspaceId,
        at: Timestamp,
    },
    /// The value is free again.
    Released {
        workspace: WorkspaceId,
        at: Timestamp,
    },
}

/// What is asked of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields mean what they mean in `Claim`")]
pub enum ClaimCommand {
    /// Hold the value for a workspace.
    Claim {
        workspace: WorkspaceId,
        at: Timestamp,
        /// How long after its release the value is kept from others, so that who still has it
        /// written down (a known host, a bookmark) does not meet somebody else's workspace.
        quarantine: SignedDuration,
    },
    /// Let go of it, if it is this workspace's.
    Release {
        workspace: WorkspaceId,
        at: Timestamp,
    },
}

/// Why a claim was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimRejection {
    /// Somebody else holds it.
    #[error("it is held for {holder}")]
    Held {
        /// Who.
        holder: WorkspaceId,
    },
    /// It was released a moment ago.
    #[error("it was released a moment ago and is free for others after {until}")]
    Quarantined {
        /// When anybody may have it.
        until: Timestamp,
    },
}

impl EventData for ClaimEvent {
    const KIND: Kind = Kind::Claim;

    fn name(&self) -> &'static str {
        match self {
            Self::Claimed { .. } => "claimed",
            Self::Released { .. } => "released",
        }
    }
}

impl Aggregate for Claim {
    const KIND: Kind = Kind::Claim;
    type Id = ClaimId;
    type Event = ClaimEvent;
    type Command = ClaimCommand;
    type Rejection = ClaimRejection;

    fn decide(&self, command: &ClaimCommand) -> Result<Decision<ClaimEvent>, ClaimRejection> {
        match (command, self.holder) {
            (ClaimCommand::Claim { workspace, .. }, Some(holder)) if holder == *workspace => {
                Ok(Decision::Nothing("it is held for this workspace already"))
            }
            (ClaimCommand::Claim { .. }, Some(holder)) => Err(ClaimRejection::Held { holder }),
            (
                ClaimCommand::Claim {
                    workspace,
                    at,
                    quarantine,
                },
                None,
            ) => match self.kept_until(*workspace, *quarantine) {
                Some(until) if *at < until => Err(ClaimRejection::Quarantined { until }),
                Some(_) | None => Ok(Decision::Event(ClaimEvent::Claimed {
                    workspace: *workspace,
                    at: *at,
                })),
            },
            (ClaimCommand::Release { workspace, at }, Some(holder)) if holder == *workspace => {
                Ok(Decision::Event(ClaimEvent::Released {
                    workspace: holder,
                    at: *at,
                }))
            }
            (ClaimCommand::Release { .. }, Some(_)) => {
                Ok(Decision::Nothing("it is held for another workspace"))
            }
            (ClaimCommand::Release { .. }, None) => Ok(Decision::Nothing("it is free already")),
        }
    }

    fn evolve(self, event: &ClaimEvent) -> Self {
        match event {
            ClaimEvent::Claimed { workspace, at } => Self {
                holder: Some(*workspace),
                changed_at: Some(*at),
                last_holder: None,
            },
            ClaimEvent::Released { workspace, at } => Self {
                holder: None,
                changed_at: Some(*at),
                last_holder: Some(*workspace),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn ids_survive_a_round_trip() {
        let owner = UserId::from_uuid(Uuid::from_u128(3));
        for id in [
            ClaimId::Port(2222),
            ClaimId::Name {
                owner,
                name: "a-b".parse().unwrap(),
            },
        ] {
            assert_eq!(id.to_string().parse::<ClaimId>().unwrap(), id);
        }
    }

    #[test]
    fn one_holder_at_a_time() {
        let (a, b) = (WorkspaceId::derived("a"), WorkspaceId::derived("b"));
        let at = Timestamp::UNIX_EPOCH;
        let held = Claim::default().evolve(&ClaimEvent::Claimed { workspace: a, at });
        assert_eq!(
            held.decide(&claim(b, at)),
            Err(ClaimRejection::Held { holder: a })
        );
        assert!(matches!(
            held.decide(&ClaimCommand::Release { workspace: b, at }),
            Ok(Decision::Nothing(_))
        ));
        let free = held.evolve(&ClaimEvent::Released { workspace: a, at });
        assert!(matches!(free.decide(&claim(b, at)), Ok(Decision::Event(_))));
    }

    fn claim(workspace: WorkspaceId, at: Timestamp) -> ClaimCommand {
        ClaimCommand::Claim {
            workspace,
            at,
            quarantine: SignedDuration::ZERO,
        }
    }

    #[test]
    fn what_was_released_a_moment_ago_is_kept_from_others_only() {
        let (a, b) = (WorkspaceId::derived("a"), WorkspaceId::derived("b"));
        let second = |second| Timestamp::from_second(second).unwrap();
        let free = Claim::default()
            .evolve(&ClaimEvent::Claimed {
                workspace: a,
                at: second(0),
            })
            .evolve(&ClaimEvent::Released {
                workspace: a,
                at: second(10),
            });
        let wanted = |workspace, at| {
            let quarantine = SignedDuration::from_secs(300);
            free.decide(&ClaimCommand::Claim {
                workspace,
                at: second(at),
                quarantine,
            })
        };
        let until = second(310);
        assert_eq!(wanted(b, 309), Err(ClaimRejection::Quarantined { until }));
        assert!(matches!(wanted(b, 310), Ok(Decision::Event(_))));
        assert!(matches!(wanted(a, 11), Ok(Decision::Event(_))));
    }
}
