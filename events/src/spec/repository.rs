//! Where a workspace's files come from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name::{GitRef, InvalidName, RepositorySegment};

/// A git repository to clone, and which branch of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// The account it belongs to.
    pub owner: RepositorySegment,
    /// Its name.
    pub name: RepositorySegment,
    /// Where git finds it.
    pub url: RepositoryUrl,
    /// The branch; `None`: the one the remote calls its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<GitRef>,
}

/// An address git may clone from: `https://`, `ssh://`, `git@host:path` or `file:///`.
///
/// Which of these a control plane accepts, and from which hosts, is [`SourceRules`]; this type
/// only promises that the text is one of them, has no user and password, and cannot be taken for an option
/// or a transport helper (`ext::`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepositoryUrl(String);

/// What a control plane lets people clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRules {
    /// Hosts for `https` and `ssh`; empty: any public name.
    pub hosts: Vec<String>,
    /// Whether `file:///` is allowed (one machine, one person).
    pub local_files: bool,
}

impl RepositoryUrl {
    /// The text git is given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of a repository on GitHub.
    pub fn github(owner: &RepositorySegment, name: &RepositorySegment) -> Self {
        Self(format!("https://github.com/{owner}/{name}.git"))
    }

    /// The path on this machine, for `file:///`.
    pub fn local_path(&self) -> Option<&str> {
        self.0.strip_prefix("file://")
    }

    /// The host, where there is one.
    pub fn host(&self) -> Option<&str> {
        let rest = match self.0.split_once("://") {
            Some(("file", _)) => return None,
            Some((_, rest)) => rest.split('/').next()?,
            None => self.0.split(':').next()?,
        };
        let host = rest.rsplit('@').next()?;
        host.split(':').next()
    }

    /// The last two parts of the path: owner and name, without `.git`.
    pub fn segments(&self) -> Option<(RepositorySegment, RepositorySegment)> {
        let path = match self.0.split_once("://") {
            Some(("file", path)) => path,
            Some((_, rest)) => rest.split_once('/')?.1,
            None => self.0.split_once(':')?.1,
        };
        let mut parts = path.trim_end_matches('/').rsplit('/');
        let name = parts.next()?;
        let name = name.strip_suffix(".git").unwrap_or(name).parse().ok()?;
        let owner = parts.next().and_then(|part| part.parse().ok());
        let owner = owner.or_else(|| "local".parse().ok())?;
        Some((owner, name))
    }

    /// Whether `rules` let it be cloned; the sentence says why not.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn allowed_by(&self, rules: &SourceRules) -> Result<(), String> {
        let Some(host) = self.host() else {
            return match rules.local_files {
                true => Ok(()),
                false => Err("file:// repositories are not allowed by this server".into()),
            };
        };
        if is_private_address(host) {
            return Err(format!("`{host}` is a private or loopback address"));
        }
        if !rules.hosts.is_empty() && !rules.hosts.iter().any(|allowed| allowed == host) {
            let hosts = rules.hosts.join(", ");
            return Err(format!(
                "host `{host}` is not allowed by this server; allowed: {hosts}"
            ));
        }
        Ok(())
    }
}

/// Literal addresses and names that never mean a public server (security.md, threat 4).
fn is_private_address(host: &str) -> bool {
    let name = host.to_ascii_lowercase();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare.ends_with(".localhost")
        || bare.ends_with(".internal")
        || bare.parse::<std::net::IpAddr>().is_ok()
        || bare.starts_with("0x")
        || (!bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

impl fmt::Display for RepositoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const RULE: &str = "`https://host/owner/name`, `ssh://git@host/owner/name`, `git@host:owner/name` or \
     `file:///path`, without a password, at most 500 characters";

impl FromStr for RepositoryUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidUrl {
            text: text.escape_debug().take(120).collect(),
        };
        let plain = text.len() <= 500
            && text
                .bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'\'' | b'`'));
        let shaped = match text.split_once("://") {
            Some(("https", rest)) => with_path(rest) && !authority(rest).contains('@'),
            Some(("ssh", rest)) => with_path(rest) && !authority(rest).contains([':', '%']),
            Some(("file", path)) => {
                path.starts_with('/') && !path.split('/').any(|part| part == "..")
            }
            Some(_) => false,
            None => scp_like(text),
        };
        if plain && shaped {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid())
        }
    }
}

fn authority(rest: &str) -> &str {
    rest.split('/').next().unwrap_or_default()
}

fn with_path(rest: &str) -> bool {
    let host = authority(rest).rsplit('@').next().unwrap_or_default();
    let path = rest
        .split_once('/')
        .map(|(_, path)| path)
        .unwrap_or_default();
    !host.is_empty() && !host.starts_with('-') && !path.is_empty()
}

/// `user@host:path`, git's short form; `a::b` would be a transport helper.
fn scp_like(text: &str) -> bool {
    let Some((login, path)) = text.split_once(':') else {
        return false;
    };
    let Some((user, host)) = login.split_once('@') else {
        return false;
    };
    let word = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    word(user) && word(host) && !path.is_empty() && !path.starts_with([':', '-'])
}

/// Not an address git may clone from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a repository address: expected {RULE}")]
pub struct InvalidUrl {
    text: String,
}

impl From<InvalidUrl> for InvalidName {
    fn from(error: InvalidUrl) -> Self {
        Self::of("repository address", RULE, &error.text)
    }
}

impl Serialize for RepositoryUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RepositoryUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for RepositoryUrl {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some(RULE))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for RepositoryUrl {
    fn name() -> std::borrow::Cow<'static, str> {
        std::borrow::Cow::Borrowed("RepositoryUrl")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_forms_are_taken_and_read() {
        for (text, host, name) in [
            (
                "https://github.com/my-org/my-project",
                Some("github.com"),
                "my-project",
            ),
            (
                "ssh://git@github.com/my-org/my-project.git",
                Some("github.com"),
                "my-project",
            ),
            (
                "git@github.com:my-org/my-project.git",
                Some("github.com"),
                "my-project",
            ),
            ("file:///srv/git/hello.git", None, "hello"),
        ] {
            let url: RepositoryUrl = text.parse().unwrap();
            assert_eq!(url.host(), host);
            assert_eq!(url.segments().unwrap().1.as_str(), name);
        }
    }

    #[test]
    fn helpers_options_passwords_and_control_characters_are_refused() {
        for text in [
            "",
            "ext::sh -c id",
            "--upload-pack=id",
            "-oProxyCommand=id",
            "http://host/a/b",
            "https://user:secret@host/a/b",
            "https:///a",
            "https://host",
            "file://relative",
            "file:///a/../b",
            "git@host:-x",
            "git@-host:a",
            "git@host::x",
            "ftp://host/a",
            "https://host/a\nb",
            "https://host/a b",
        ] {
            assert!(text.parse::<RepositoryUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn private_addresses_are_never_allowed() {
        let rules = SourceRules {
            hosts: vec![],
            local_files: false,
        };
        for text in [
            "https://localhost/a/b",
            "https://127.0.0.1/a/b",
            "https://169.254.169.254/a/b",
            "https://2130706433/a/b",
            "https://0x7f.1/a/b",
            "https://metadata.google.internal/a",
            "file:///srv/x",
        ] {
            let url: RepositoryUrl = text.parse().unwrap();
            assert!(url.allowed_by(&rules).is_err(), "{text}");
        }
    }
}
