//! The claim aggregate: one value of a limited kind, held for one workspace or user at a time.
//!
//! A claim is how uniqueness is had from a log: `name-<owner>-<name>`, `port-<port>` and
//! `key-<digest>` are aggregates of their own, and the first append wins. A claim says whom it is
//! for, so that a reconciler can release one whose workspace, or whose user's key, never came.
//!
//! A user may remove a key and add it again, at two replicas at once. So each addition claims the
//! key anew, and a release counts only for the claim it was decided on: one that comes late does
//! not take the claim from under the key that was added since.

mod holder;
mod key_digest;

pub use holder::Holder;
pub use key_digest::{InvalidKeyDigest, KeyDigest};

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
    /// A public SSH key: whoever connects with it is known by it.
    Key(KeyDigest),
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { owner, name } => write!(f, "name-{}-{name}", owner.uuid().simple()),
            Self::Port(port) => write!(f, "port-{port}"),
            Self::Key(digest) => write!(f, "key-{digest}"),
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
        if let Some(digest) = text.strip_prefix("key-") {
            return digest.parse().map(Self::Key).map_err(|_| unknown());
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
#[error("`{text}` is no claim: expected `name-<owner>-<name>`, `port-<port>` or `key-<digest>`")]
pub struct UnknownClaim {
    text: String,
}

/// Who holds the value, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Claim {
    /// Whom it is held for; `None`: free.
    pub holder: Option<Holder>,
    /// When it was last claimed or released.
    pub changed_at: Option<Timestamp>,
    /// Whom it was held for before, who may have it back at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_holder: Option<Holder>,
}

impl Claim {
    /// Until when `workspace` is kept from a value that was released less than `quarantine` ago.
    pub fn kept_until(
        &self,
        workspace: WorkspaceId,
        quarantine: SignedDuration,
    ) -> Option<Timestamp> {
        let (holder, released) = (self.last_holder?, self.changed_at?);
        let is_kept = self.holder.is_none() && holder != workspace.into() && !quarantine.is_zero();
        is_kept.then(|| released.checked_add(quarantine).ok())?
    }

    /// `at`, or right after the last change: no two claims of one key bear the same time.
    fn after_the_last(&self, at: Timestamp) -> Timestamp {
        let next = |last: Timestamp| last.saturating_add(SignedDuration::from_nanos(1));
        let next = self.changed_at.and_then(|last| next(last).ok());
        next.map_or(at, |next| at.max(next))
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
    /// The key is this user's from now on, or is claimed anew for them.
    KeyClaimed { user: UserId, at: Timestamp },
    /// The key is nobody's again.
    KeyReleased { user: UserId, at: Timestamp },
}

impl ClaimEvent {
    /// Whom the value is, or was, held for.
    pub fn holder(&self) -> Holder {
        match self {
            Self::Claimed { workspace, .. } | Self::Released { workspace, .. } => {
                (*workspace).into()
            }
            Self::KeyClaimed { user, .. } | Self::KeyReleased { user, .. } => (*user).into(),
        }
    }
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
    /// Hold a key for a user who is about to have it; anew, where it is theirs already.
    ClaimKey { user: UserId, at: Timestamp },
    /// Hold a key for a user who has it; nothing new, where it is theirs already.
    AdoptKey { user: UserId, at: Timestamp },
    /// Let go of a key, if it was not claimed again since.
    ReleaseKey {
        user: UserId,
        /// When it was claimed.
        claimed_at: Timestamp,
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
        holder: Holder,
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
            Self::KeyClaimed { .. } => "key_claimed",
            Self::KeyReleased { .. } => "key_released",
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
        match command {
            ClaimCommand::Claim {
                workspace,
                at,
                quarantine,
            } => match self.holder {
                Some(holder) if holder == (*workspace).into() => {
                    Ok(Decision::Nothing("it is held for this workspace already"))
                }
                Some(holder) => Err(ClaimRejection::Held { holder }),
                None => match self.kept_until(*workspace, *quarantine) {
                    Some(until) if *at < until => Err(ClaimRejection::Quarantined { until }),
                    Some(_) | None => Ok(Decision::Event(ClaimEvent::Claimed {
                        workspace: *workspace,
                        at: *at,
                    })),
                },
            },
            ClaimCommand::Release { workspace, at } => Ok(match self.holder {
                Some(holder) if holder == (*workspace).into() => {
                    Decision::Event(ClaimEvent::Released {
                        workspace: *workspace,
                        at: *at,
                    })
                }
                Some(_) => Decision::Nothing("it is held for another workspace"),
                None => Decision::Nothing("it is free already"),
            }),
            ClaimCommand::ClaimKey { user, at } => match self.holder {
                Some(holder) if holder != (*user).into() => Err(ClaimRejection::Held { holder }),
                Some(_) | None => Ok(Decision::Event(ClaimEvent::KeyClaimed {
                    user: *user,
                    at: self.after_the_last(*at),
                })),
            },
            ClaimCommand::AdoptKey { user, at } => match self.holder {
                Some(holder) if holder != (*user).into() => Err(ClaimRejection::Held { holder }),
                Some(_) => Ok(Decision::Nothing("it is held for this user already")),
                None => Ok(Decision::Event(ClaimEvent::KeyClaimed {
                    user: *user,
                    at: self.after_the_last(*at),
                })),
            },
            ClaimCommand::ReleaseKey {
                user,
                claimed_at,
                at,
            } => Ok(match (self.holder, self.changed_at) {
                (Some(holder), Some(since)) if holder == (*user).into() && since == *claimed_at => {
                    Decision::Event(ClaimEvent::KeyReleased {
                        user: *user,
                        at: self.after_the_last(*at),
                    })
                }
                (Some(_), _) => Decision::Nothing("it was claimed again since"),
                (None, _) => Decision::Nothing("it is free already"),
            }),
        }
    }

    fn evolve(self, event: &ClaimEvent) -> Self {
        match event {
            ClaimEvent::Claimed { at, .. } | ClaimEvent::KeyClaimed { at, .. } => Self {
                holder: Some(event.holder()),
                changed_at: Some(*at),
                last_holder: None,
            },
            ClaimEvent::Released { at, .. } | ClaimEvent::KeyReleased { at, .. } => Self {
                holder: None,
                changed_at: Some(*at),
                last_holder: Some(event.holder()),
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
            ClaimId::Key(KeyDigest::of_word("key")),
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
            Err(ClaimRejection::Held { holder: a.into() })
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

    #[test]
    fn a_late_release_leaves_a_key_that_was_claimed_again() {
        let (ada, bob) = (UserId::derived("ada"), UserId::derived("bob"));
        // Even where the clocks of two replicas tell the same time.
        let at = Timestamp::UNIX_EPOCH;
        let decided = |claim: &Claim, command| match claim.decide(&command) {
            Ok(Decision::Event(event)) => claim.clone().evolve(&event),
            other => panic!("{other:?}"),
        };
        let claimed = decided(&Claim::default(), ClaimCommand::ClaimKey { user: ada, at });
        let again = decided(&claimed, ClaimCommand::ClaimKey { user: ada, at });
        let release = |claim: &Claim| ClaimCommand::ReleaseKey {
            user: ada,
            claimed_at: claim.changed_at.unwrap(),
            at,
        };
        assert!(matches!(
            again.decide(&release(&claimed)),
            Ok(Decision::Nothing(_))
        ));
        let holder = ada.into();
        assert_eq!(
            again.decide(&ClaimCommand::ClaimKey { user: bob, at }),
            Err(ClaimRejection::Held { holder })
        );
        let free = decided(&again, release(&again));
        assert_eq!(free.holder, None);
        let taken = decided(&free, ClaimCommand::ClaimKey { user: bob, at });
        assert_eq!(taken.holder, Some(bob.into()));
    }

    #[test]
    fn a_key_that_is_its_users_already_is_adopted_once() {
        let (ada, bob) = (UserId::derived("ada"), UserId::derived("bob"));
        let at = Timestamp::UNIX_EPOCH;
        let adopt = |user| ClaimCommand::AdoptKey { user, at };
        let held = Claim::default().evolve(&ClaimEvent::KeyClaimed { user: ada, at });
        assert!(matches!(held.decide(&adopt(ada)), Ok(Decision::Nothing(_))));
        let holder = ada.into();
        assert_eq!(
            held.decide(&adopt(bob)),
            Err(ClaimRejection::Held { holder })
        );
    }
}
