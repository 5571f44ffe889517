//! Ids that become file names inside init's state directory, checked where they are made.

use serde::{Deserialize, Serialize};

const MAX_LENGTH: usize = 128;

/// An id that cannot be a file name of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "id {0:?} must have 1 to {MAX_LENGTH} letters, digits, hyphens, underscores or dots and start with a letter or digit"
)]
pub struct InvalidId(String);

fn check(text: String) -> Result<String, InvalidId> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    match starts_well && text.len() <= MAX_LENGTH && text.chars().all(allowed) {
        true => Ok(text),
        false => Err(InvalidId(text)),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and takes the id.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                check(text.into()).map(Self)
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

id! {
    /// Names one execution: the first request that bears it runs the command, later ones attach.
    ExecId
}

id! {
    /// Names one terminal session.
    SessionId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_safe_file_names() {
        for good in ["a", "op-1.exec_2", "0f", &"x".repeat(128)] {
            assert_eq!(ExecId::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "-a",
            "a b",
            "ä",
            &"x".repeat(129),
        ] {
            assert!(ExecId::new(bad).is_err(), "{bad:?}");
        }
        assert!(serde_json::from_str::<SessionId>("\"../x\"").is_err());
    }
}
