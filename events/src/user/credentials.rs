//! Credentials and scripts as the log knows them: by name and digest. Their values are sealed
//! under the user's key and kept apart from the log, each under its digest.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{User, UserEvent, UserRejection};
use crate::aggregate::Decision;
use crate::name::InvalidName;

/// The most credentials a user can have.
pub const MOST_CREDENTIALS: usize = 100;

/// What a credential becomes inside a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CredentialName {
    /// A variable of the environment; spelled `env.NAME`.
    Variable(String),
    /// A file; spelled `files.` and where it goes.
    File(String),
}

impl CredentialName {
    /// The variable called so.
    ///
    /// # Errors
    /// When a shell could not name it.
    pub fn variable(name: &str) -> Result<Self, InvalidName> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let starts = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        if starts && name.len() <= 128 && name.bytes().all(is_word) {
            return Ok(Self::Variable(name.to_owned()));
        }
        let rule = "up to 128 letters, digits and `_`, not starting with a digit";
        Err(InvalidName::of("variable", rule, name))
    }

    /// The file that goes there.
    ///
    /// # Errors
    /// When it is neither absolute nor under `~/`, or leads upwards.
    pub fn file(path: &str) -> Result<Self, InvalidName> {
        let below = path.strip_prefix("~/").or_else(|| path.strip_prefix('/'));
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        if path.len() <= 256
            && !path.chars().any(char::is_control)
            && below.is_some_and(|below| below.split('/').all(plain))
        {
            return Ok(Self::File(path.to_owned()));
        }
        let rule = "`~/…` or an absolute path of up to 256 bytes, without `.`, `..` and `//`";
        Err(InvalidName::of("place for a file", rule, path))
    }
}

impl fmt::Display for CredentialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "env.{name}"),
            Self::File(path) => write!(f, "files.{path}"),
        }
    }
}

impl FromStr for CredentialName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('.') {
            Some(("env", name)) => Self::variable(name),
            Some(("files", path)) => Self::file(path),
            Some(_) | None => {
                let rule = "`env.NAME` or `files.PATH`";
                Err(InvalidName::of("credential", rule, text))
            }
        }
    }
}

impl Serialize for CredentialName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CredentialName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A value that is kept apart from the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What it is kept under: a digest only the server can make.
    pub digest: String,
    /// When it was set.
    pub changed_at: Timestamp,
}

/// Only what differs is said; nothing is, when nothing does.
pub(super) fn change(
    user: &User,
    set: BTreeMap<CredentialName, String>,
    removed: BTreeSet<CredentialName>,
    at: Timestamp,
) -> Result<Decision<UserEvent>, UserRejection> {
    let is_new = |(name, digest): &(CredentialName, String)| {
        user.credentials
            .get(name)
            .is_none_or(|kept| kept.digest != *digest)
    };
    let set: BTreeMap<_, _> = set.into_iter().filter(is_new).collect();
    let is_there = |name: &CredentialName| user.credentials.contains_key(name);
    let removed: BTreeSet<_> = removed.into_iter().filter(is_there).collect();
    let added = set.keys().filter(|name| !is_there(name)).count();
    if user.credentials.len() + added > MOST_CREDENTIALS + removed.len() {
        return Err(UserRejection::TooMany {
            what: "credentials",
            most: MOST_CREDENTIALS,
        });
    }
    if set.is_empty() && removed.is_empty() {
        return Ok(Decision::Nothing("the credentials are so already"));
    }
    Ok(Decision::Event(UserEvent::CredentialsChanged {
        set,
        removed,
        at,
    }))
}

/// Nothing, when the script is the same.
pub(super) fn change_scripts(
    user: &User,
    post_start: Option<String>,
    at: Timestamp,
) -> Decision<UserEvent> {
    if user.post_start.as_ref().map(|kept| &kept.digest) == post_start.as_ref() {
        return Decision::Nothing("the scripts are so already");
    }
    Decision::Event(UserEvent::ScriptsChanged { post_start, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_round_trip_and_odd_ones_are_refused() {
        for text in ["env.A_1", "files.~/.gitconfig", "files./etc/a.b"] {
            assert_eq!(text.parse::<CredentialName>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "A",
            "env.",
            "env.1A",
            "env.A=B",
            "env.A B",
            "files.",
            "files.a",
            "files.~/",
            "files.~/../x",
            "files./a//b",
            "files.~root/x",
            "files./a\nb",
        ] {
            assert!(text.parse::<CredentialName>().is_err(), "{text}");
        }
    }
}
