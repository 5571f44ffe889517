//! The user aggregate: registration, SSH keys, access tokens, erasure.
//!
//! The log is forever, so nothing personal is in it in clear: logins and public keys are
//! [`Sealed`] under a key of the user's own, kept apart from the log. Erasing a user is dropping
//! that key; the events stay and say nothing.

mod certificates;
mod credentials;

pub use certificates::{Certified, MOST_CERTIFICATE_TIME};
pub use credentials::{CredentialName, Kept, MOST_CREDENTIALS};

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aggregate::{Aggregate, Decision, EventData, Kind};
use crate::id::{TokenId, UserId};
use certificates::MOST_CERTIFIED;

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
    /// Credentials put into their workspaces.
    #[serde(default)]
    pub credentials: BTreeMap<CredentialName, Kept>,
    /// What runs in their workspaces after a start.
    #[serde(default)]
    pub post_start: Option<Kept>,
    /// Keys with a certificate in force, by fingerprint.
    #[serde(default)]
    pub certified: BTreeMap<String, Certified>,
    /// Keys whose certificates count no more, by fingerprint, and until when that matters.
    #[serde(default)]
    pub refused: BTreeMap<String, Timestamp>,
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
    /// A certificate over a public key was handed out.
    CertificateIssued {
        fingerprint: String,
        token: Option<TokenId>,
        valid_before: Timestamp,
        at: Timestamp,
    },
    /// Credentials were set (name to digest) or removed.
    CredentialsChanged {
        set: BTreeMap<CredentialName, String>,
        removed: BTreeSet<CredentialName>,
        at: Timestamp,
    },
    /// What runs after a start is another script (its digest), or none.
    ScriptsChanged {
        post_start: Option<String>,
        at: Timestamp,
    },
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
    IssueCertificate {
        fingerprint: String,
        certified: Certified,
        at: Timestamp,
    },
    ChangeCredentials {
        set: BTreeMap<CredentialName, String>,
        removed: BTreeSet<CredentialName>,
        at: Timestamp,
    },
    ChangeScripts {
        post_start: Option<String>,
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
            Self::CertificateIssued { .. } => "certificate_issued",
            Self::CredentialsChanged { .. } => "credentials_changed",
            Self::ScriptsChanged { .. } => "scripts_changed",
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

    /// Whether a key opens anything, registered or certified.
    fn lets_in(&self, fingerprint: &str) -> bool {
        self.keys.contains_key(fingerprint) || self.certified.contains_key(fingerprint)
    }
}

fn limited(count: usize, what: &'static str, most: usize) -> Result<(), UserRejection> {
    if count < most {
        Ok(())
    } else {
        Err(UserRejection::TooMany { what, most })
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
                limited(self.keys.len(), "keys", MOST)?;
                Decision::Event(UserEvent::KeyAdded {
                    fingerprint,
                    public_key,
                    at,
                })
            }
            UserCommand::RemoveKey { fingerprint, at } if self.lets_in(&fingerprint) => {
                Decision::Event(UserEvent::KeyRemoved { fingerprint, at })
            }
            UserCommand::RemoveKey { .. } => Decision::Nothing("there is no such key"),
            UserCommand::IssueToken { id, .. } if self.tokens.contains_key(&id) => {
                Decision::Nothing("the token was issued already")
            }
            UserCommand::IssueToken { id, token, at } => {
                limited(self.tokens.len(), "tokens", MOST)?;
                Decision::Event(UserEvent::TokenIssued { id, token, at })
            }
            UserCommand::RevokeToken { id, at } if self.tokens.contains_key(&id) => {
                Decision::Event(UserEvent::TokenRevoked { id, at })
            }
            UserCommand::RevokeToken { .. } => Decision::Nothing("there is no such token"),
            UserCommand::IssueCertificate {
                fingerprint,
                certified,
                at,
            } => {
                let others = self.certified.iter().filter(|(other, certified)| {
                    **other != fingerprint && certified.valid_before > at
                });
                limited(others.count(), "certified keys", MOST_CERTIFIED)?;
                Decision::Event(UserEvent::CertificateIssued {
                    fingerprint,
                    token: certified.token,
                    valid_before: certified.valid_before,
                    at,
                })
            }
            UserCommand::ChangeCredentials { set, removed, at } => {
                credentials::change(self, set, removed, at)?
            }
            UserCommand::ChangeScripts { post_start, at } => {
                credentials::change_scripts(self, post_start, at)
            }
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
                self.refused.remove(&fingerprint);
                self.keys.insert(fingerprint, public_key);
            }
            UserEvent::KeyRemoved { fingerprint, at } => {
                self.keys.remove(&fingerprint);
                self.refuse_key(&fingerprint, at);
            }
            UserEvent::TokenIssued { id, token, .. } => {
                self.tokens.insert(id, token);
            }
            UserEvent::TokenRevoked { id, at } => {
                self.tokens.remove(&id);
                self.refuse_token(id, at);
            }
            UserEvent::CertificateIssued {
                fingerprint,
                token,
                valid_before,
                at,
            } => {
                let certified = Certified {
                    token,
                    valid_before,
                };
                self.certify(fingerprint, certified, at);
            }
            UserEvent::CredentialsChanged { set, removed, at } => {
                self.credentials.retain(|name, _| !removed.contains(name));
                self.credentials
                    .extend(set.into_iter().map(|(name, digest)| {
                        let changed_at = at;
                        (name, Kept { digest, changed_at })
                    }));
            }
            UserEvent::ScriptsChanged { post_start, at } => {
                let changed_at = at;
                self.post_start = post_start.map(|digest| Kept { digest, changed_at });
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
