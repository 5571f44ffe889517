//! Which server is asked, and with what right: the socket of this machine, or an address.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::home::{self, Home};

/// Where the server is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Server {
    /// The unix socket of this machine; whoever may open it operates the server.
    Socket(PathBuf),
    /// An address on this machine, spoken to with a token.
    Address {
        /// `http://host:port`, without a slash at the end.
        origin: String,
        /// The text after `Bearer`.
        token: String,
    },
}

impl Server {
    /// The one named by `address`, else the socket in `home`.
    pub(crate) fn choose(address: Option<&str>, home: &Home) -> Result<Self> {
        match address {
            None => Ok(Self::Socket(home.socket())),
            Some(address) => Ok(Self::Address {
                origin: loopback_origin(address)?,
                token: token(home)?,
            }),
        }
    }

    /// Whether the server takes whoever asks for its operator, who must say for whom they act.
    pub(crate) const fn is_operator(&self) -> bool {
        matches!(self, Self::Socket(_))
    }

    /// What every path is appended to.
    pub(crate) fn origin(&self) -> &str {
        match self {
            Self::Socket(_) => "http://localhost",
            Self::Address { origin, .. } => origin,
        }
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Address { origin, .. } => f.write_str(origin),
        }
    }
}

/// A token would travel in clear, so only addresses that never leave the machine are taken.
pub(crate) fn loopback_origin(address: &str) -> Result<String> {
    let refused = |why: &str| {
        Error::new(
            Exit::Usage,
            format!("use server `{}`", crate::clean::clean(address)),
            why,
            "ssh -N -L 3001:127.0.0.1:3001 HOST, then NEXUS_SERVER=http://127.0.0.1:3001",
        )
    };
    let url: reqwest::Url = address
        .parse()
        .map_err(|_| refused("expected http://127.0.0.1:PORT"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("an address holds no password; set NEXUS_TOKEN"));
    }
    let loopback = match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|ip| ip.is_loopback()),
        None => false,
    };
    if url.scheme() != "http" || !loopback {
        return Err(refused(
            "only http:// to this machine is spoken; a token must not travel in clear",
        ));
    }
    Ok(url.origin().ascii_serialization())
}

/// `NEXUS_TOKEN`, else the token file. Never a flag: arguments are visible to every process.
fn token(home: &Home) -> Result<String> {
    if let Ok(token) = std::env::var("NEXUS_TOKEN")
        && !token.is_empty()
    {
        return Ok(token);
    }
    read_token(&home.token())
}

fn read_token(path: &Path) -> Result<String> {
    let unreadable = |why: &dyn std::fmt::Display, next: String| {
        Error::new(
            Exit::Auth,
            format!("read the token in {}", path.display()),
            why,
            next,
        )
    };
    let missing = "export NEXUS_TOKEN=… (make one with `nexus token create` on the server)";
    let text = home::read_if_there(path)
        .map_err(|error| unreadable(&error, missing.into()))?
        .ok_or_else(|| unreadable(&"there is no such file", missing.into()))?;
    let mode = std::fs::metadata(path)
        .map_err(|error| unreadable(&error, missing.into()))?
        .mode();
    if mode & 0o077 != 0 {
        return Err(unreadable(
            &"other users of this machine can read it",
            format!("chmod 600 {}", path.display()),
        ));
    }
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn only_this_machine_is_spoken_to_in_clear() {
        for good in [
            "http://127.0.0.1:3001",
            "http://localhost:1",
            "http://[::1]:3001/",
        ] {
            assert!(loopback_origin(good).is_ok(), "{good}");
        }
        for bad in [
            "https://nexus.example.com",
            "http://nexus.example.com",
            "http://10.0.0.1:3001",
            "http://127.0.0.1.example.com",
            "http://user:secret@127.0.0.1:3001",
            "127.0.0.1:3001",
            "file:///etc/passwd",
        ] {
            assert_eq!(loopback_origin(bad).unwrap_err().exit, Exit::Usage, "{bad}");
        }
    }

    #[test]
    fn a_token_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "secret\n").unwrap();
        for (mode, taken) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = read_token(&path);
            assert_eq!(read.is_ok(), taken, "{mode:o}");
            if let Err(error) = read {
                assert!(!error.to_string().contains("secret"));
                assert!(error.next.starts_with("chmod 600"));
            }
        }
    }
}
