//! The words of the stock client's command line. Nothing of them comes from the server unchecked,
//! so nothing of them can be an option.

use std::path::{Path, PathBuf};

use nexus_events::view::{SshView, WorkspaceView};

use super::known::pin;
use crate::args::ssh::{Ssh, Via};
use crate::commands::ssh_config;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::home;
use crate::identity::Identity;
use crate::ssh::authority::Authority;
use crate::ssh::text::{is_host, is_user, option_path, public_key, shell_line};

/// The name under which the jump host's key is certified.
const JUMP_ALIAS: &str = "nexus-jump";
/// Who somebody is, their key tells.
const JUMP_USER: &str = "nexus";

/// What lets the person in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// Whatever the stock client tries by itself.
    Usual,
    /// The private key that was registered.
    Registered(PathBuf),
    /// A private key, and the certificate for it.
    Certified(PathBuf, PathBuf),
}

impl Key {
    /// The one registered here, while it is still there.
    pub(super) fn remembered(context: &Context) -> Self {
        Identity::remembered(&context.home)
            .and_then(|identity| identity.private_key)
            .filter(|path| path.exists())
            .map_or(Self::Usual, Self::Registered)
    }

    fn options(&self) -> Vec<String> {
        match self {
            Self::Usual => Vec::new(),
            Self::Registered(key) => vec![format!("IdentityFile={}", option_path(key))],
            Self::Certified(key, certificate) => vec![
                format!("IdentityFile={}", option_path(key)),
                format!("CertificateFile={}", option_path(certificate)),
            ],
        }
    }
}

/// A way into a workspace, checked.
#[derive(Debug)]
pub(super) struct Line {
    ssh: SshView,
    /// What the workspace's key is known as.
    alias: String,
    known_hosts: PathBuf,
    key: Key,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Port,
    Stdio,
    Jump {
        host: String,
        port: u16,
        known_hosts: PathBuf,
    },
}

impl Line {
    /// The way into `workspace`; its host key is known from now on.
    pub(super) fn new(
        context: &Context,
        workspace: &WorkspaceView,
        via: Via,
        authority: Option<Authority>,
        key: Key,
    ) -> Result<Self> {
        let what = format!("open a shell in workspace {}", workspace.name);
        let status = format!("nexus workspace status {}", workspace.name);
        let not_ready = |why: &str| Error::new(Exit::NotReady, &what, why, &status);
        let odd = |part: &str| {
            let why = format!("the server sent {part} that cannot be one");
            Error::new(Exit::Failure, &what, why, &status)
        };
        let failed =
            |error: std::io::Error| Error::new(Exit::Failure, &what, error, "nexus doctor");
        let ssh = workspace.ssh.clone();
        let ssh = ssh.ok_or_else(|| not_ready("it has no SSH port"))?;
        let host_key = ssh.host_key.as_deref();
        let host_key = host_key.ok_or_else(|| not_ready("its host key is not known yet"))?;
        check(is_user(&ssh.user), || odd("a user"))?;
        check(is_host(&ssh.host), || odd("a host"))?;
        let host_key = public_key(host_key).ok_or_else(|| odd("a host key"))?;
        let known_hosts = context.home.known_hosts();
        let alias = workspace.id.to_string();
        pin(&known_hosts, &alias, &ssh, &host_key).map_err(failed)?;
        let way = match (via, authority) {
            (Via::Port, _) => Way::Port,
            (Via::Stdio, _) => Way::Stdio,
            (Via::Jump, Some(authority)) => {
                let jump = authority.jump_host.as_ref();
                let (host, port) = jump
                    .cloned()
                    .ok_or_else(|| not_ready("the server has no jump host"))?;
                let known_hosts = context.home.ssh().join("known_jump_host");
                let line = format!("@cert-authority {JUMP_ALIAS} {}\n", authority.host_key);
                home::replace_private_file(&known_hosts, line.as_bytes()).map_err(failed)?;
                Way::Jump {
                    host,
                    port,
                    known_hosts,
                }
            }
            (Via::Jump, None) => return Err(not_ready("the server has no jump host")),
        };
        Ok(Self {
            ssh,
            alias,
            known_hosts,
            key,
            way,
        })
    }

    /// The whole command line.
    pub(super) fn words(&self, context: &Context, arguments: &Ssh) -> Result<Vec<String>> {
        let mut words = vec!["ssh".to_owned()];
        match &self.way {
            Way::Port => words.extend(["-p".into(), self.ssh.port.to_string()]),
            Way::Stdio => {
                let program = ssh_config::program(context)?;
                words.extend(option(&format!(
                    "ProxyCommand={program} ssh --fdpass {}",
                    self.alias
                )));
                words.extend(option("ProxyUseFdpass=yes"));
            }
            Way::Jump {
                host,
                port,
                known_hosts,
            } => {
                let jump = self.jump(host, *port, known_hosts);
                words.extend(option(&format!("ProxyCommand={jump}")));
            }
        }
        words.extend(trust(&self.known_hosts, &self.alias));
        words.extend(self.key.options().iter().flat_map(|text| option(text)));
        words.extend(passed_on(arguments));
        words.push("--".into());
        let host = match self.way {
            Way::Port => &self.ssh.host,
            Way::Stdio | Way::Jump { .. } => &self.alias,
        };
        words.push(format!("{}@{host}", self.ssh.user));
        words.extend(arguments.command.iter().chain(&arguments.line).cloned());
        Ok(words)
    }

    /// The command that goes through the jump host. `ssh -J` would not take the options with it.
    fn jump(&self, host: &str, port: u16, known_hosts: &Path) -> String {
        let mut words = vec!["ssh".to_owned(), "-p".into(), port.to_string()];
        words.extend(trust(known_hosts, JUMP_ALIAS));
        words.extend(self.key.options().iter().flat_map(|text| option(text)));
        words.extend(["-W".into(), format!("{}:22", self.alias), "--".into()]);
        words.push(format!("{JUMP_USER}@{host}"));
        // The outer ssh reads `%` before a shell reads the rest.
        shell_line(&words).replace('%', "%%")
    }
}

fn check(holds: bool, error: impl FnOnce() -> Error) -> Result<()> {
    if holds { Ok(()) } else { Err(error()) }
}

fn option(text: &str) -> [String; 2] {
    ["-o".to_owned(), text.to_owned()]
}

fn trust(known_hosts: &Path, alias: &str) -> Vec<String> {
    [
        format!("UserKnownHostsFile={}", option_path(known_hosts)),
        format!("HostKeyAlias={alias}"),
        "StrictHostKeyChecking=yes".into(),
    ]
    .iter()
    .flat_map(|text| option(text))
    .collect()
}

/// What was typed for ssh itself.
fn passed_on(arguments: &Ssh) -> Vec<String> {
    let mut words = Vec::new();
    for (flag, wanted) in [
        ("-A", arguments.forward_agent),
        ("-N", arguments.no_command),
        ("-t", arguments.terminal),
    ] {
        if wanted {
            words.push(flag.to_owned());
        }
    }
    let jump: Vec<String> = arguments.jump.iter().cloned().collect();
    for (flag, specs) in [
        ("-L", &arguments.local_forward),
        ("-R", &arguments.remote_forward),
        ("-D", &arguments.dynamic_forward),
        ("-J", &jump),
    ] {
        for spec in specs {
            words.extend([flag.to_owned(), spec.clone()]);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(way: Way, key: Key) -> Line {
        Line {
            ssh: SshView {
                host: "127.0.0.1".into(),
                port: 2222,
                user: "dev".into(),
                host_key: None,
            },
            alias: "ws-1".into(),
            known_hosts: "/home/a b/100%/known_hosts".into(),
            key,
            way,
        }
    }

    #[test]
    fn the_command_is_pinned_and_ends_its_options_before_the_address() {
        let arguments = Ssh {
            forward_agent: true,
            local_forward: vec!["8080:localhost:80".into()],
            jump: Some("bastion".into()),
            command: vec!["-oProxyCommand=id".into()],
            ..Ssh::default()
        };
        let words = line(Way::Port, Key::Usual)
            .words(&Context::for_tests(), &arguments)
            .unwrap();
        insta::assert_snapshot!(shell_line(&words), @r#"ssh -p 2222 -o 'UserKnownHostsFile="/home/a b/100%%/known_hosts"' -o HostKeyAlias=ws-1 -o StrictHostKeyChecking=yes -A -L 8080:localhost:80 -J bastion -- dev@127.0.0.1 -oProxyCommand=id"#);
    }

    #[test]
    fn the_jump_host_is_trusted_by_its_certificate_and_gets_the_same_key() {
        let way = Way::Jump {
            host: "127.0.0.1".into(),
            port: 2200,
            known_hosts: "/n/known_jump_host".into(),
        };
        let key = Key::Certified("/k".into(), "/k-cert.pub".into());
        let words = line(way, key)
            .words(&Context::for_tests(), &Ssh::default())
            .unwrap();
        assert_eq!(
            words[2],
            "ProxyCommand=ssh -p 2200 -o UserKnownHostsFile=/n/known_jump_host \
             -o HostKeyAlias=nexus-jump -o StrictHostKeyChecking=yes -o IdentityFile=/k \
             -o CertificateFile=/k-cert.pub -W ws-1:22 -- nexus@127.0.0.1"
        );
        assert_eq!(words.last().unwrap(), "dev@ws-1");
    }
}
