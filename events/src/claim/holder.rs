//! For whom a claim is held: names and ports for a workspace, SSH keys for a user.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{ParseIdError, UserId, WorkspaceId};

/// Whoever a claim is held for; spelled as their id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Holder {
    /// A workspace: of its name and its port.
    Workspace(WorkspaceId),
    /// A user: of their SSH keys.
    User(UserId),
}

impl Holder {
    /// The workspace, if it is one.
    pub const fn workspace(self) -> Option<WorkspaceId> {
        match self {
            Self::Workspace(workspace) => Some(workspace),
            Self::User(_) => None,
        }
    }

    /// The user, if it is one.
    pub const fn user(self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user),
            Self::Workspace(_) => None,
        }
    }

    /// The UUID of their id.
    pub const fn uuid(self) -> uuid::Uuid {
        match self {
            Self::Workspace(workspace) => workspace.uuid(),
            Self::User(user) => user.uuid(),
        }
    }
}

impl From<WorkspaceId> for Holder {
    fn from(workspace: WorkspaceId) -> Self {
        Self::Workspace(workspace)
    }
}

impl From<UserId> for Holder {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workspace(workspace) => workspace.fmt(f),
            Self::User(user) => user.fmt(f),
        }
    }
}

impl FromStr for Holder {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(user) => Ok(Self::User(user)),
            Err(_) => text.parse().map(Self::Workspace),
        }
    }
}

impl Serialize for Holder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Holder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_spelled_as_its_id() {
        let workspace = WorkspaceId::derived("w");
        let user = UserId::derived("u");
        for (holder, id) in [
            (Holder::from(workspace), workspace.to_string()),
            (Holder::from(user), user.to_string()),
        ] {
            assert_eq!(holder.to_string(), id);
            assert_eq!(id.parse::<Holder>().unwrap(), holder);
        }
        assert!("node-1".parse::<Holder>().is_err());
    }
}
