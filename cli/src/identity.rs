//! Who the person is: what `gh` says, else git's configuration, else the local user; decided once
//! and remembered, so that the same person does not register twice.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nexus_events::name::GithubLogin;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::home::{self, Home};

/// `gh` asks GitHub; without a network it must not hold anybody up.
const GH_PATIENCE: Duration = Duration::from_secs(10);
/// Ids given out here have this bit set: GitHub's own stay far below it, and JSON readers that
/// use floating point still tell neighbours apart.
const LOCAL: u64 = 1 << 52;

/// Who somebody is to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The GitHub login, or what stands for one.
    pub(crate) github_username: GithubLogin,
    /// The number of the GitHub account, or a number of our own ([`LOCAL`]).
    pub(crate) github_id: u64,
    /// The private SSH key whose public half was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) private_key: Option<std::path::PathBuf>,
}

impl Identity {
    /// The one remembered; `None` before the first registration.
    pub(crate) fn remembered(home: &Home) -> Option<Self> {
        let text = home::read_if_there(&home.identity()).ok()??;
        serde_json::from_str(&text).ok()
    }

    /// Remembers it for every later command.
    pub(crate) fn remember(&self, home: &Home) -> Result<()> {
        let path = home.identity();
        let text = serde_json::to_string_pretty(self).expect("an identity is plain data");
        home::replace_private_file(&path, text.as_bytes()).map_err(|error| {
            let what = format!("write {}", path.display());
            Error::new(Exit::Failure, what, error, "nexus doctor")
        })
    }

    /// Finds out who the person is, and says how.
    pub(crate) fn find(context: &Context) -> Result<Self> {
        if let Some(identity) = ask_gh() {
            context.say(&format!(
                "you are {} on GitHub, says gh",
                identity.github_username
            ));
            return Ok(identity);
        }
        let configured = git_configuration("github.user")
            .as_deref()
            .and_then(login_from);
        let (login, source) = match configured {
            Some(login) => (login, "git's github.user"),
            None => (local_login()?, "the local user name; gh is not logged in"),
        };
        context.say(&format!("you are {login} here: {source}"));
        Ok(Self {
            github_id: local_number(&login),
            github_username: login,
            private_key: None,
        })
    }
}

fn ask_gh() -> Option<Identity> {
    #[derive(Deserialize)]
    struct Account {
        login: GithubLogin,
        id: u64,
    }
    let text = output_in_time(
        Command::new("gh")
            .args(["api", "user", "--jq", "{login, id}"])
            .env("GH_PROMPT_DISABLED", "1")
            .env("GH_NO_UPDATE_NOTIFIER", "1")
            .env("NO_COLOR", "1"),
        GH_PATIENCE,
    )?;
    let account: Account = serde_json::from_str(&text).ok()?;
    Some(Identity {
        github_username: account.login,
        github_id: account.id,
        private_key: None,
    })
}

fn git_configuration(name: &str) -> Option<String> {
    output_in_time(
        Command::new("git").args(["config", "--global", "--get", name]),
        Duration::from_secs(5),
    )
}

/// What `command` prints, if it ends well and in time.
pub(crate) fn output_in_time(command: &mut Command, patience: Duration) -> Option<String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdout = child.stdout.take()?;
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let deadline = Instant::now() + patience;
    let status = loop {
        match child.try_wait().ok()? {
            Some(status) => break status,
            None if Instant::now() >= deadline => {
                // Killing and reaping can only fail when it has ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let text = reader.join().ok()?.ok()?;
    status.success().then_some(text)
}

fn local_login() -> Result<GithubLogin> {
    ["USER", "LOGNAME"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find_map(|name| login_from(&name))
        .or_else(|| login_from(&account_name()?))
        .or_else(|| login_from(&format!("uid-{}", rustix::process::getuid().as_raw())))
        .ok_or_else(|| {
            Error::new(
                Exit::Failure,
                "find out who you are",
                "neither gh nor git nor the system says",
                "nexus user register --github-username LOGIN --github-id NUMBER",
            )
        })
}

/// What the system's own list calls whoever runs this.
fn account_name() -> Option<String> {
    let uid = rustix::process::getuid().as_raw().to_string();
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    let mut lines = accounts
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields.get(2) == Some(&uid.as_str()))?;
    line.first().map(ToString::to_string)
}

/// `text` as GitHub would let somebody be called.
fn login_from(text: &str) -> Option<GithubLogin> {
    let words: Vec<&str> = text
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let joined: String = words.join("-").chars().take(39).collect();
    joined.trim_end_matches('-').parse().ok()
}

/// A number that is the same for this login on this machine for as long as the machine is itself.
fn local_number(login: &GithubLogin) -> u64 {
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let digest = Sha256::digest(format!("nexus:{}:{login}", machine.trim()));
    let number = digest
        .iter()
        .take(8)
        .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    LOCAL | (number & (LOCAL - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_local_name_becomes_a_login() {
        for (name, login) in [
            ("root", Some("root")),
            ("Jane.Doe", Some("Jane-Doe")),
            ("_apt", Some("apt")),
            ("ü", None),
            ("", None),
        ] {
            let made = login_from(name).map(|login| login.to_string());
            assert_eq!(made.as_deref(), login, "{name}");
        }
    }

    #[test]
    fn local_numbers_are_stable_and_never_githubs() {
        let login: GithubLogin = "jane".parse().unwrap();
        assert_eq!(local_number(&login), local_number(&login));
        assert!(local_number(&login) >= LOCAL && local_number(&login) < 2 * LOCAL);
        assert_ne!(local_number(&login), local_number(&"joe".parse().unwrap()));
    }

    #[test]
    fn a_program_that_hangs_fails_or_is_missing_says_nothing() {
        let patience = Duration::from_millis(50);
        assert_eq!(
            output_in_time(Command::new("sleep").arg("60"), patience),
            None
        );
        let patience = Duration::from_secs(30);
        assert_eq!(output_in_time(&mut Command::new("false"), patience), None);
        assert_eq!(
            output_in_time(&mut Command::new("/no/such"), patience),
            None
        );
        let said = output_in_time(Command::new("echo").arg("hi"), patience);
        assert_eq!(said.as_deref(), Some("hi\n"));
    }
}
