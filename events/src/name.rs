//! Names that cross a security boundary: into subjects, engine names, paths and argument lists.
//!
//! Each is a type that can only be made by passing its check, and each check answers with the
//! field, the rule and what to type instead. Nothing here may start with `-`, so no name is ever
//! taken for an option.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a name of the wanted sort.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {what}: {rule}")]
pub struct InvalidName {
    /// What it was meant to be.
    pub what: &'static str,
    /// The rule, as a sentence a person can act on.
    pub rule: &'static str,
    text: String,
}

impl InvalidName {
    pub(crate) fn of(what: &'static str, rule: &'static str, text: &str) -> Self {
        Self {
            what,
            rule,
            text: text.to_owned(),
        }
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident($what:literal, $rule:literal, $check:expr);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    let text = text.escape_debug().take(80).collect();
                    Err(InvalidName { what: $what, rule: $rule, text })
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some($rule))
                    .into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

names! {
    /// What a person calls a workspace; unique among their workspaces.
    WorkspaceName(
        "workspace name",
        "1 to 40 lower-case letters, digits and hyphens, starting and ending with a letter or digit",
        |text| label(text, 40)
    );
    /// A service inside a workspace.
    ServiceName(
        "service name",
        "1 to 40 lower-case letters, digits and hyphens, starting and ending with a letter or digit",
        |text| label(text, 40)
    );
    /// What keeps a workspace from being stopped when idle; one hold a name.
    HoldName(
        "hold name",
        "1 to 40 lower-case letters, digits and hyphens, starting and ending with a letter or digit",
        |text| label(text, 40)
    );
    /// Why a workspace is held, in a few words; it is told to whoever asks why the workspace runs.
    HoldReason(
        "hold reason",
        "1 to 200 characters, no control characters",
        |text| (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control)
    );
    /// A person's GitHub login, lower-cased by its owner or not.
    GithubLogin(
        "GitHub user name",
        "1 to 39 letters, digits and single hyphens, not at either end",
        |text| {
            (1..=39).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !text.starts_with('-')
                && !text.ends_with('-')
                && !text.contains("--")
        }
    );
    /// A git branch or tag (git-check-ref-format, restricted to printable ASCII).
    GitRef(
        "branch",
        "a git ref of letters, digits and `._/-`, without `..`, `//`, `.lock`, a leading `-` or an outer `/`",
        git_ref
    );
    /// A container image, a snapshot or a template: whatever the provider starts from.
    ImageName(
        "image",
        "an image reference such as `ubuntu:22.04` or `registry.example.com/team/base@sha256:…`, at most 255 characters",
        image
    );
    /// The owner or the name of a repository.
    RepositorySegment(
        "repository owner or name",
        "1 to 100 letters, digits and `._-`, not starting with `-` or `.`",
        |text| {
            (1..=100).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
                && !text.starts_with(['-', '.'])
        }
    );
}

fn label(text: &str, longest: usize) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    (1..=longest).contains(&bytes.len())
        && bytes.iter().all(|&b| inner(b) || b == b'-')
        && bytes.first().copied().is_some_and(inner)
        && bytes.last().copied().is_some_and(inner)
}

fn git_ref(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/' | b'-'))
        && !text.starts_with(['-', '/', '.'])
        && !text.ends_with(['/', '.'])
        && !["..", "//", "/.", "/-"]
            .iter()
            .any(|bad| text.contains(bad))
        && !text.split('/').any(|part| part.ends_with(".lock"))
}

fn image(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && text.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/' | b'-' | b':' | b'@')
        })
        && !["..", "//", "::"].iter().any(|bad| text.contains(bad))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspace_names_are_host_labels() {
        for good in ["a", "hello", "my-project-feature", "x9", &"a".repeat(40)] {
            assert!(good.parse::<WorkspaceName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "a_b",
            "a.b",
            "../x",
            "a/b",
            "a b",
            &"a".repeat(41),
            "ä",
        ] {
            assert!(bad.parse::<WorkspaceName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn refs_cannot_be_options_or_escape() {
        for good in ["main", "feature/one", "v1.2.3", "release-2"] {
            assert!(good.parse::<GitRef>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-upload-pack=x",
            "a..b",
            "/main",
            "main/",
            "a//b",
            "x.lock",
            "a b",
            "a\nb",
        ] {
            assert!(bad.parse::<GitRef>().is_err(), "{bad}");
        }
    }

    #[test]
    fn images_are_references_not_paths() {
        for good in [
            "ubuntu:22.04",
            "nexus/base:latest",
            "r.example.com:5000/a/b@sha256:00ff",
        ] {
            assert!(good.parse::<ImageName>().is_ok(), "{good}");
        }
        for bad in ["", "-x", "/etc", "../x", "a b", "a;b", "a$(b)"] {
            assert!(bad.parse::<ImageName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_error_names_the_rule_and_hides_control_characters() {
        let error = "a\u{1b}[31m"
            .parse::<WorkspaceName>()
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("workspace name") && error.contains("lower-case"),
            "{error}"
        );
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
}
