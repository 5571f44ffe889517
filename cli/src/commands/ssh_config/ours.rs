//! The files that are ours: the configuration of every workspace, and whom to trust.
//!
//! Workspaces are reached through `nexus ssh --fdpass`, so this never runs out of ports and needs
//! no rewriting when one moves. `%h` is what a person, or a program fed by somebody else, typed;
//! it reaches a shell between single quotes, and a host with a quote in it matches nothing here.

use std::path::PathBuf;

use nexus_events::name::WorkspaceName;

use crate::error::Result;
use crate::reference::DOMAIN;
use crate::ssh::authority::Authority;
use crate::ssh::text::file_path;

/// Says that `~/.ssh/config` did not exist before.
pub(super) const MADE_MARK: &str = "# ~/.ssh/config was made for its Include line";

/// A host of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    /// Which workspace.
    pub(super) workspace: WorkspaceName,
    /// The user inside; checked.
    pub(super) user: String,
}

impl Host {
    /// What is typed after `ssh`.
    pub(super) fn name(&self) -> String {
        format!("{}{DOMAIN}", self.workspace)
    }
}

/// What the files are made of.
#[derive(Debug, Clone)]
pub(super) struct Ours {
    /// Where they are.
    pub(super) folder: PathBuf,
    /// The key certificates are for.
    pub(super) key: PathBuf,
    /// This program, as a shell reads it.
    pub(super) program: String,
    /// Whether connections share one.
    pub(super) multiplex: bool,
    /// Whether `~/.ssh/config` is there for our sake only.
    pub(super) made_user_file: bool,
}

impl Ours {
    pub(super) fn config_path(&self) -> PathBuf {
        self.folder.join("config")
    }

    pub(super) fn known_hosts_path(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// Who may vouch for a workspace.
    pub(super) fn known_hosts(&self, authority: &Authority) -> String {
        format!("@cert-authority *{DOMAIN} {}\n", authority.host_key)
    }

    /// The configuration.
    pub(super) fn config(&self, hosts: &[Host]) -> Result<String> {
        let mut text = String::from(
            "# Written whole by `nexus ssh-config`; `nexus ssh-config --remove` takes it away.\n",
        );
        if self.made_user_file {
            text.push_str(&format!("{MADE_MARK}\n"));
        }
        for host in hosts {
            text.push_str(&format!("\nHost {}\n    User {}\n", host.name(), host.user));
        }
        text.push_str(&self.every_host()?);
        Ok(text)
    }

    fn every_host(&self) -> Result<String> {
        let Self {
            program, folder, ..
        } = self;
        let mut lines = vec![
            format!("ProxyCommand {program} ssh --fdpass '%h'"),
            // ssh is given the socket itself; a program that does not know this line has a copier.
            "ProxyUseFdpass yes".into(),
            "User dev".into(),
            format!("IdentityFile {}", file_path(&self.key)?),
            "IdentitiesOnly yes".into(),
            format!(
                "UserKnownHostsFile {}",
                file_path(&self.known_hosts_path())?
            ),
            "GlobalKnownHostsFile /dev/null".into(),
            "StrictHostKeyChecking yes".into(),
            "UpdateHostKeys no".into(),
            // A laptop that sleeps through a meeting keeps its shells.
            "ServerAliveInterval 30".into(),
            "ServerAliveCountMax 20".into(),
        ];
        if self.multiplex {
            lines.extend([
                "ControlMaster auto".into(),
                format!("ControlPath {}", self.control_path()?),
                "ControlPersist 60".into(),
            ]);
        }
        // ssh joins the folder and the host; `%h` must not be doubled.
        let certificate = file_path(&folder.join("certificates/HOST-cert.pub"))?;
        let certificate = certificate.replace("HOST-cert.pub", "%h-cert.pub");
        Ok(format!(
            "\nHost *{DOMAIN} \"!*'*\"\n    {}\n\n\
             # ssh reads the certificate before the ProxyCommand could renew it.\n\
             Match host \"*{DOMAIN},!*'*\" exec \"{program} --quiet ssh --certificate '%h'\"\n    \
             CertificateFile {certificate}\n",
            lines.join("\n    "),
        ))
    }

    /// A unix socket's path is short; what ssh adds to it is 41 + 17 characters.
    fn control_path(&self) -> Result<String> {
        let path = file_path(&self.folder.join("%C"))?;
        Ok(path.replace("%%C", "%C"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(multiplex: bool) -> Ours {
        Ours {
            folder: "/home/jane/.nexus/ssh".into(),
            key: "/home/jane/.ssh/id_ed25519_nexus".into(),
            program: "'/opt/100%%/nexus'".into(),
            multiplex,
            made_user_file: true,
        }
    }

    #[test]
    fn the_configuration_is_this() {
        let host = Host {
            workspace: "hello".parse().unwrap(),
            user: "dev".into(),
        };
        insta::assert_snapshot!(ours(true).config(&[host]).unwrap());
    }

    #[test]
    fn only_our_authority_vouches_for_workspaces() {
        let authority = Authority {
            host_key: "ssh-ed25519 AAAA".into(),
            jump_host: None,
        };
        assert_eq!(
            ours(false).known_hosts(&authority),
            "@cert-authority *.nexus ssh-ed25519 AAAA\n"
        );
    }
}
