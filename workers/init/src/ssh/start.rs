//! What a client asks for before a session channel starts, and the command that follows from it.

use std::collections::BTreeMap;
use std::path::Path;

use nexus_init_protocol::TerminalSize;
use russh::ChannelMsg;

use super::intake::Intake;
use crate::context::{Context, Custom};

/// The one subsystem there is.
pub(super) const SFTP: &str = "sftp";

/// Where distributions put the server of that subsystem.
const SFTP_SERVERS: [&str; 5] = [
    "/usr/lib/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/lib/sftp-server",
];

/// What a client asked for before the start.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) env: BTreeMap<String, String>,
    pub(super) terminal: Option<TerminalSize>,
    pub(super) wants_agent: bool,
}

/// What is started.
#[derive(Debug)]
pub(super) enum Start {
    Shell,
    Command(String),
    Sftp,
}

/// Variables a client may set: language and colours, nothing that changes what programs do.
pub(super) fn is_allowed_variable(name: &str) -> bool {
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_plain
        && (matches!(name, "LANG" | "COLORTERM" | "NO_COLOR" | "TZ") || name.starts_with("LC_"))
}

/// Collects requests up to the one that starts something.
pub(super) async fn wait_for_start(input: &mut Intake, asked: &mut Asked) -> Option<Start> {
    loop {
        match input.next().await? {
            ChannelMsg::RequestPty {
                term,
                col_width,
                row_height,
                ..
            } => {
                asked.env.insert("TERM".to_owned(), clean(&term));
                asked.terminal = Some(size_of(col_width, row_height));
            }
            ChannelMsg::WindowChange {
                col_width,
                row_height,
                ..
            } => {
                asked.terminal = asked.terminal.map(|_| size_of(col_width, row_height));
            }
            ChannelMsg::SetEnv {
                variable_name,
                variable_value,
                ..
            } if is_allowed_variable(&variable_name) => {
                asked.env.insert(variable_name, clean(&variable_value));
            }
            ChannelMsg::AgentForward { .. } => asked.wants_agent = true,
            ChannelMsg::RequestShell { .. } => return Some(Start::Shell),
            ChannelMsg::Exec { command, .. } => {
                return Some(Start::Command(
                    String::from_utf8_lossy(&command).into_owned(),
                ));
            }
            ChannelMsg::RequestSubsystem { name, .. } if name == SFTP => return Some(Start::Sftp),
            ChannelMsg::Close => return None,
            _ => {}
        }
    }
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

pub(super) fn size_of(columns: u32, rows: u32) -> TerminalSize {
    let narrow = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    TerminalSize {
        columns: narrow(columns),
        rows: narrow(rows),
    }
}

/// Program and place: a shell on a terminal starts in the workspace, everything else in the home
/// directory, where `scp` and `rsync` look for relative paths.
pub(super) fn custom(context: &Context, asked: &Asked, start: &Start) -> (Vec<String>, Custom) {
    let shell = context.account.shell.display().to_string();
    let argv = match start {
        Start::Shell => vec![shell, "-l".to_owned()],
        Start::Command(command) => vec![shell, "-c".to_owned(), command.clone()],
        Start::Sftp => sftp_argv(),
    };
    let is_interactive = matches!(start, Start::Shell) && asked.terminal.is_some();
    let home = context.account.home.display().to_string();
    let custom = Custom {
        env: asked.env.clone(),
        directory: (!is_interactive).then_some(home),
        user: None,
        by_person: true,
    };
    (argv, custom)
}

/// The distribution's own server when it is there, else ours: this very program.
fn sftp_argv() -> Vec<String> {
    let own = || vec!["/proc/self/exe".to_owned(), "sftp".to_owned()];
    let found = SFTP_SERVERS.iter().find(|path| Path::new(path).exists());
    found.map_or_else(own, |path| vec![(*path).to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_variables_come_in() {
        for good in ["LANG", "LC_ALL", "LC_TIME", "COLORTERM", "TZ"] {
            assert!(is_allowed_variable(good), "{good}");
        }
        for bad in [
            "",
            "PATH",
            "LD_PRELOAD",
            "BASH_ENV",
            "LC_X=1",
            "IFS",
            "GIT_SSH_COMMAND",
        ] {
            assert!(!is_allowed_variable(bad), "{bad}");
        }
    }
}
