//! The user aggregate: registration, SSH keys, access tokens, erasure.
//!
//! The log is forever, so nothing personal is in it in clear: logins and public keys are
//! [`Sealed`] under a key of the user's own, kept apart from the log. Erasing a user is dropping
//! that key; the events stay and say nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aggregate::{Aggregate, Decision, EventData, Kind};
use crate::id::{TokenId, UserId};

/// A personal value, encrypted under its user's key; base64, opaque to everything here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(pub String);

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything its user may.
    User,
    /// Everything.
    Admin,
}

/// An access token, as stored: never its text, only the SHA-256 of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// SHA-256 of the token's text, in hexadecimal.
    pub digest: String,
    /// What it may do.
    pub scope: Scope,
    /// When it ends; `None`: when revoked.
    pub expires_at: Option<Timestamp>,
}

/// Everything known of one user.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct User {
    /// Registered, and not erased.
    pub profile: Option<Profile>,
    /// Public SSH keys by fingerprint (`SHA256:…`).
    pub keys: BTreeMap<String, Sealed>,
    /// Tokens in force.
    pub tokens: BTreeMap<TokenId, Token>,
    /// Whether the user was erased.
    pub erased: bool,
}

/// Who a user is, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The GitHub login.
    pub github_login: Sealed,
    /// The GitHub account's number, as decimal text.
    pub github_id: Sealed,
    /// When the user registered.
    pub registered_at: Timestamp,
}

/// A fact about a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "fields mean what they mean in `User`")]
pub enum UserEvent {
    /// A person registered.
    Registered { profile: Profile },
    /// A public SSH key was added.
    KeyAdded {
        fingerprint: String,
        public_key: Sealed,
        at: Timestamp,
    },
    /// A public SSH key was removed.
    KeyRemoved { fingerprint: String, at: Timestamp },
    /// A token was handed out.
    TokenIssued {
        id: TokenId,
        token: Token,
        at: Timestamp,
    },
    /// A token counts no more.
    TokenRevoked { id: TokenId, at: Timestamp },
    /// The user's key was dropped; what is sealed under it is lost for good.
    Erased { at: Timestamp },
}

/// What is asked of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields mean what they mean in `User`")]
pub enum UserCommand {
    Register {
        profile: Profile,
    },
    AddKey {
        fingerprint: String,
        public_key: Sealed,
        at: Timestamp,
    },
    RemoveKey {
        fingerprint: String,
        at: Timestamp,
    },
    IssueToken {
        id: TokenId,
        token: Token,
        at: Timestamp,
    },
    RevokeToken {
        id: TokenId,
        at: Timestamp,
    },
    Erase {
        at: Timestamp,
    },
}

/// Why a command to a user was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserRejection {
    /// There is no such user.
    #[error("the user is not registered")]
    Unregistered,
    /// The user was erased.
    #[error("the user was erased")]
    Erased,
    /// The user has too many keys or tokens.
    #[error("at most {most} {what} per user")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        most: usize,
    },
}

/// The most keys, and the most tokens, a user can have.
const MOST: usize = 50;

impl EventData for UserEvent {
    const KIND: Kind = Kind::User;

    fn name(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "registered",
            Self::KeyAdded { .. } => "key_added",
            Self::KeyRemoved { .. } => "key_removed",
            Self::TokenIssued { .. } => "token_issued",
            Self::TokenRevoked { .. } => "token_revoked",
            Self::Erased { .. } => "erased",
        }
    }
}

impl User {
    fn present(&self) -> Result<(), UserRejection> {
        match (&self.profile, self.erased) {
            (_, true) => Err(UserRejection::Erased),
            (None, false) => Err(UserRejection::Unregistered),
            (Some(_), false) => Ok(()),
        }
    }
}

fn limited(count: usize, what: &'static str) -> Result<(), UserRejection> {
    if count < MOST {
        Ok(())
    } else {
        Err(UserRejection::TooMany { what, most: MOST })
    }
}

impl Aggregate for User {
    const KIND: Kind = Kind::User;
    type Id = UserId;
    type Event = UserEvent;
    type Command = UserCommand;
    type Rejection = UserRejection;

    fn decide(&self, command: &UserCommand) -> Result<Decision<UserEvent>, UserRejection> {
        if let UserCommand::Register { profile } = command {
            return match (&self.profile, self.erased) {
                (_, true) => Err(UserRejection::Erased),
                (Some(_), false) => Ok(Decision::Nothing("the user is registered already")),
                (None, false) => Ok(Decision::Event(UserEvent::Registered {
                    profile: profile.clone(),
                })),
            };
        }
        self.present()?;
        Ok(match command.clone() {
            UserCommand::AddKey { fingerprint, .. } if self.keys.contains_key(&fingerprint) => {
                Decision::Nothing("the key is there already")
            }
            UserCommand::AddKey {
                fingerprint,
                public_key,
                at,
            } => {
                limited(self.keys.len(), "keys")?;
                Decision::Event(UserEvent::KeyAdded {
                    fingerprint,
                    public_key,
                    at,
                })
            }
            UserCommand::RemoveKey { fingerprint, at } if self.keys.contains_key(&fingerprint) => {
                Decision::Event(UserEvent::KeyRemoved { fingerprint, at })
            }
            UserCommand::RemoveKey { .. } => Decision::Nothing("there is no such key"),
            UserCommand::IssueToken { id, .. } if self.tokens.contains_key(&id) => {
                Decision::Nothing("the token was issued already")
            }
            UserCommand::IssueToken { id, token, at } => {
                limited(self.tokens.len(), "tokens")?;
                Decision::Event(UserEvent::TokenIssued { id, token, at })
            }
            UserCommand::RevokeToken { id, at } if self.tokens.contains_key(&id) => {
                Decision::Event(UserEvent::TokenRevoked { id, at })
            }
            UserCommand::RevokeToken { .. } => Decision::Nothing("there is no such token"),
            UserCommand::Erase { at } => Decision::Event(UserEvent::Erased { at }),
            UserCommand::Register { .. } => Decision::Nothing("the user is registered already"),
        })
    }

    fn evolve(mut self, event: &UserEvent) -> Self {
        match event.clone() {
            UserEvent::Registered { profile } => self.profile = Some(profile),
            UserEvent::KeyAdded {
                fingerprint,
                public_key,
                ..
            } => {
                self.keys.insert(fingerprint, public_key);
            }
            UserEvent::KeyRemoved { fingerprint, .. } => {
                self.keys.remove(&fingerprint);
            }
            UserEvent::TokenIssued { id, token, .. } => {
                self.tokens.insert(id, token);
            }
            UserEvent::TokenRevoked { id, .. } => {
                self.tokens.remove(&id);
            }
            UserEvent::Erased { .. } => {
                self = Self {
                    erased: true,
                    ..Self::default()
                };
            }
        }
        self
    }
}
