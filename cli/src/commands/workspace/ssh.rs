//! `nexus workspace ssh`: the OpenSSH client of this machine, pinned to the workspace's host key.
//!
//! Names, users and keys come from the server and go into an argument list and a known_hosts
//! file, so each is checked here against what it may be; nothing of them can be an option.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nexus_events::view::{SshView, WorkspaceView};
use nexus_events::workspace::Phase;

use super::{accept, end, find};
use crate::args::Waiting;
use crate::args::workspace::Ssh;
use crate::client::{Client, Request, workspace_path};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::home;
use crate::identity::Identity;
use crate::out;

pub(super) async fn run(context: &Context, arguments: &Ssh) -> Result<Exit> {
    let name = context.workspace(arguments.which.name.as_deref())?;
    let client = context.client()?;
    let workspace = awake(context, &client, find(&client, &name, None).await?).await?;
    let words = ssh_words(context, &workspace, arguments)?;
    if arguments.print {
        out::data(&format!("{}\n", shell_line(&words)))?;
        return Ok(Exit::Ok);
    }
    // On success the client takes this process's place, and its exit code is ours.
    let error = Command::new(&words[0]).args(&words[1..]).exec();
    let what = format!("open a shell in workspace {name}");
    let why = format!("ssh: {error}");
    Err(Error::new(
        Exit::Failure,
        what,
        why,
        "apt install openssh-client",
    ))
}

/// The ssh command a person can type for `workspace`; its host key is known from now on.
pub(in crate::commands) fn ssh_command(
    context: &Context,
    workspace: &WorkspaceView,
) -> Result<String> {
    ssh_words(context, workspace, &Ssh::default()).map(|words| shell_line(&words))
}

/// A stopped workspace is started, and one that is starting is waited for.
async fn awake(
    context: &Context,
    client: &Client,
    workspace: WorkspaceView,
) -> Result<WorkspaceView> {
    match workspace.phase {
        Phase::Stopped | Phase::Stopping => {
            context.say(&format!(
                "workspace {} is stopped: starting it",
                workspace.name
            ));
        }
        Phase::Requested | Phase::Provisioning | Phase::Starting => {
            context.say(&format!("workspace {} is not ready yet", workspace.name));
        }
        Phase::Absent | Phase::Running | Phase::Deleting | Phase::Deleted | Phase::Failed => {
            return Ok(workspace);
        }
    }
    let id = workspace.id.to_string();
    let what = format!("start workspace {}", workspace.name);
    let request = Request::post(what, workspace_path(&id, "/start"));
    let accepted = accept(context, client, &request, &Waiting::default()).await?;
    let Some((accepted, view)) = accepted else {
        return Ok(workspace);
    };
    if let Some(view) = &view {
        end(context, view)?;
    }
    let sequence = view.map_or(accepted.sequence, |view| view.sequence);
    find(client, &id, Some(sequence)).await
}

fn ssh_words(context: &Context, workspace: &WorkspaceView, arguments: &Ssh) -> Result<Vec<String>> {
    let what = format!("open a shell in workspace {}", workspace.name);
    let status = format!("nexus workspace status {}", workspace.name);
    let not_ready = |why: &str| Error::new(Exit::NotReady, &what, why, &status);
    let ssh = workspace
        .ssh
        .as_ref()
        .ok_or_else(|| not_ready("it has no SSH port"))?;
    let key = ssh
        .host_key
        .as_deref()
        .ok_or_else(|| not_ready("its host key is not known yet"))?;
    let odd = |part: &str| {
        let why = format!("the server sent {part} that cannot be one");
        Error::new(Exit::Failure, &what, why, &status)
    };
    check(is_user(&ssh.user), || odd("a user"))?;
    check(is_host(&ssh.host), || odd("a host"))?;
    let key = host_key(key).ok_or_else(|| odd("a host key"))?;
    let known_hosts = context.home.known_hosts();
    pin(&known_hosts, &workspace.id.to_string(), ssh, &key)
        .map_err(|error| Error::new(Exit::Failure, &what, error, "nexus doctor"))?;
    let identity = Identity::remembered(&context.home).and_then(|identity| identity.private_key);
    let alias = workspace.id.to_string();
    Ok(words(
        ssh,
        &alias,
        &known_hosts,
        identity.filter(|path| path.exists()),
        arguments,
    ))
}

fn check(holds: bool, error: impl FnOnce() -> Error) -> Result<()> {
    if holds { Ok(()) } else { Err(error()) }
}

fn words(
    ssh: &SshView,
    alias: &str,
    known_hosts: &Path,
    identity: Option<PathBuf>,
    arguments: &Ssh,
) -> Vec<String> {
    let mut words = vec!["ssh".to_owned(), "-p".into(), ssh.port.to_string()];
    let mut option = |text: String| words.extend(["-o".to_owned(), text]);
    option(format!("UserKnownHostsFile={}", quoted_path(known_hosts)));
    option(format!("HostKeyAlias={alias}"));
    option("StrictHostKeyChecking=yes".into());
    if let Some(path) = identity {
        option(format!("IdentityFile={}", quoted_path(&path)));
    }
    if arguments.forward_agent {
        words.push("-A".into());
    }
    for (flag, specs) in [
        ("-L", &arguments.local_forward),
        ("-R", &arguments.remote_forward),
        ("-D", &arguments.dynamic_forward),
    ] {
        for spec in specs {
            words.extend([flag.to_owned(), spec.clone()]);
        }
    }
    words.push("--".into());
    words.push(format!("{}@{}", ssh.user, ssh.host));
    words.extend(arguments.command.iter().cloned());
    words
}

/// A path as ssh reads it in an option: `%` is its own, and at blanks it splits.
fn quoted_path(path: &Path) -> String {
    let text = path.display().to_string().replace('%', "%%");
    match text.contains([' ', '\t']) {
        true => format!("\"{text}\""),
        false => text,
    }
}

fn is_user(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
        })
}

fn is_host(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == ':')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':'))
}

/// Type and key of a host key, without whatever may follow them.
fn host_key(text: &str) -> Option<String> {
    let mut words = text.split(' ');
    let (kind, key) = (words.next()?, words.next()?);
    let kind_is_plain = kind
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let key_is_base64 = key
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
    let whole = !kind.is_empty() && !key.is_empty() && kind_is_plain && key_is_base64;
    whole.then(|| format!("{kind} {key}"))
}

/// Writes the workspace's key into our own known_hosts file, in place of what was known of it and
/// of its address, which another workspace may have had before.
fn pin(path: &Path, alias: &str, ssh: &SshView, key: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        home::create_private_folder(folder)?;
    }
    // Two shells opened at once must not lose each other's line.
    let lock = File::create(path.with_extension("lock"))?;
    lock.lock()?;
    let address = format!("[{}]:{}", ssh.host, ssh.port);
    let known = home::read_if_there(path)?.unwrap_or_default();
    let line = format!("{alias},{address} {key}");
    if known.lines().any(|other| other == line) {
        return Ok(());
    }
    let others = known.lines().filter(|other| {
        let names = other.split(' ').next().unwrap_or_default();
        !names
            .split(',')
            .any(|name| name == alias || name == address)
    });
    let mut text: String = others.map(|other| format!("{other}\n")).collect();
    text.push_str(&line);
    text.push('\n');
    home::replace_private_file(path, text.as_bytes())
}

/// The words as a line for a shell.
fn shell_line(words: &[String]) -> String {
    let quoted = words.iter().map(|word| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@,+%".contains(&byte);
        match !word.is_empty() && word.bytes().all(plain) {
            true => word.clone(),
            false => format!("'{}'", word.replace('\'', "'\\''")),
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
