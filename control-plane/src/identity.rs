//! Who asks. Every command and query takes one: there is no way around the owner check below
//! the transports (ARCHITECTURE.md, invariant 12).

use nexus_events::envelope::Actor;
use nexus_events::id::{TokenId, UserId};
use nexus_events::user::Scope;
use serde::{Deserialize, Serialize};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Identity {
    /// Whoever reached the local socket as the server's own user: may do everything.
    Operator,
    /// The bearer of a token.
    User {
        /// Whose token.
        id: UserId,
        /// What it may do.
        scope: Scope,
        /// Which token.
        token: TokenId,
    },
}

impl Identity {
    /// Who is named in the events that follow.
    pub const fn actor(&self) -> Actor {
        match self {
            Self::Operator => Actor::Operator,
            Self::User { id, .. } => Actor::User(*id),
        }
    }

    /// Whether they may see and change what belongs to others.
    pub const fn is_admin(&self) -> bool {
        match self {
            Self::Operator => true,
            Self::User { scope, .. } => matches!(scope, Scope::Admin),
        }
    }

    /// The user, where it is one.
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::Operator => None,
            Self::User { id, .. } => Some(*id),
        }
    }

    /// Whether they may see and change what belongs to `owner`.
    pub fn may_see(&self, owner: UserId) -> bool {
        self.is_admin() || self.user() == Some(owner)
    }
}
