//! `nexus ssh-config`: so that `ssh NAME.nexus`, scp, sftp, rsync and editors work by themselves.
//!
//! ```text
//! ~/.ssh/config            Include "~/.nexus/ssh/config"     one line, at the top; nothing else
//! ~/.nexus/ssh/config      Host *.nexus …                    ours, rewritten whole
//! ~/.nexus/ssh/known_hosts @cert-authority *.nexus …         ours
//! ```
//!
//! What changes is shown before it is written, and `--remove` undoes it.

mod file;
mod ours;
mod users;

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _};

use nexus_events::view::{Page, WorkspaceView};
use serde::Serialize;

use self::file::File;
use self::ours::{Host, Ours};
use super::daemon::find_binary;
use super::workspace::all_pages;
use crate::args::ssh::SshConfig;
use crate::client::Request;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::home;
use crate::out;
use crate::render::{Row, Show, table};
use crate::screen::Screen;
use crate::ssh::authority::authority;
use crate::ssh::text::{command_path, is_user, shell_word};

/// What becomes of each file.
#[derive(Debug, Serialize)]
struct Plan {
    files: Vec<File>,
    hosts: Vec<String>,
}

pub(super) async fn run(context: &Context, arguments: &SshConfig) -> Result<Exit> {
    let plan = match arguments.remove {
        true => removal(context)?,
        false => addition(context, arguments).await?,
    };
    let difference: String = plan.files.iter().map(File::difference).collect();
    if arguments.diff {
        out::data(&difference)?;
        return Ok(Exit::Ok);
    }
    let changes = plan.files.iter().any(File::changes);
    if !arguments.dry_run && changes {
        out::say(difference.trim_end());
        confirm(arguments)?;
        write(context, &plan)?;
    }
    if !changes {
        context.say("nothing is to be changed");
    }
    context.show(&plan)?;
    Ok(Exit::Ok)
}

/// The program of a `ProxyCommand`, as a shell reads it after ssh: this one, with this home and
/// this server, wherever ssh is started from.
///
/// # Errors
/// A path holds something ssh would not read as it is.
pub(super) fn program(context: &Context) -> Result<String> {
    let binary = match find_binary("nexus") {
        Some(path) => path,
        None => std::env::current_exe()
            .map_err(|error| Error::new(Exit::Failure, "find nexus", error, "nexus doctor"))?,
    };
    let mut words = Vec::new();
    if std::env::var_os("NEXUS_HOME").is_some_and(|home| !home.is_empty()) {
        words.push(format!(
            "env NEXUS_HOME={}",
            command_path(context.home.path())?
        ));
    }
    words.push(command_path(&binary)?);
    if context.address().is_some() {
        words.push(format!(
            "--server {}",
            shell_word(context.server()?.origin())
        ));
    }
    Ok(words.join(" "))
}

async fn addition(context: &Context, arguments: &SshConfig) -> Result<Plan> {
    let client = context.client()?;
    let request = Request::get("list the workspaces", "/api/v1/workspaces");
    let workspaces: Page<WorkspaceView> = all_pages(&client, &request).await?;
    let hosts = hosts(&workspaces.items)?;
    let authority = authority(&client).await?;
    let user_file = users::path()?;
    let ours = Ours {
        folder: context.home.ssh(),
        key: home::user_home()?.join(".ssh/id_ed25519_nexus"),
        program: program(context)?,
        multiplex: arguments.multiplex,
        made_user_file: users::was_made_by_us(&context.home, &user_file)?,
    };
    let names = hosts.iter().map(Host::name).collect();
    Ok(Plan {
        files: vec![
            File::new(
                ours.known_hosts_path(),
                Some(ours.known_hosts(&authority).into_bytes()),
            )?,
            File::new(ours.config_path(), Some(ours.config(&hosts)?.into_bytes()))?,
            users::with_include(&user_file, &ours.config_path())?,
        ],
        hosts: names,
    })
}

/// Names of two owners that are the same name the same host; the server knows whose is meant.
fn hosts(workspaces: &[WorkspaceView]) -> Result<Vec<Host>> {
    let mut hosts = BTreeMap::new();
    for workspace in workspaces {
        let user = workspace
            .ssh
            .as_ref()
            .map_or("dev", |ssh| ssh.user.as_str());
        if !is_user(user) {
            let what = format!("write a host for workspace {}", workspace.name);
            let why = "the server sent a user that cannot be one";
            return Err(Error::new(Exit::Failure, what, why, "nexus doctor"));
        }
        let host = Host {
            workspace: workspace.name.clone(),
            user: user.to_owned(),
        };
        hosts.insert(workspace.name.clone(), host);
    }
    Ok(hosts.into_values().collect())
}

fn removal(context: &Context) -> Result<Plan> {
    let user_file = users::path()?;
    let folder = context.home.ssh();
    let config = folder.join("config");
    let mut files = vec![users::without_include(&context.home, &user_file, &config)?];
    for path in [config, folder.join("known_hosts")] {
        files.push(File::new(path, None)?);
    }
    Ok(Plan {
        files,
        hosts: Vec::new(),
    })
}

fn confirm(arguments: &SshConfig) -> Result<()> {
    if arguments.yes {
        return Ok(());
    }
    let flag = if arguments.remove { " --remove" } else { "" };
    let next = format!("nexus ssh-config{flag} --yes");
    let what = "change the configuration of ssh";
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        let why = "nobody is there to confirm it";
        return Err(Error::new(Exit::Usage, what, why, next));
    }
    out::say("Write this? [y/N]");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        true => Ok(()),
        false => Err(Error::new(Exit::Failure, what, "you did not say yes", next)),
    }
}

fn write(context: &Context, plan: &Plan) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(
            Exit::Failure,
            "write the configuration of ssh",
            error,
            "nexus doctor",
        )
    };
    let folder = context.home.ssh();
    home::create_private_folder(&folder).map_err(failed)?;
    let lock = std::fs::File::create(folder.join("config.lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    for file in &plan.files {
        file.write()?;
    }
    if plan.files.iter().all(File::is_absent_or_users) {
        // Certificates and locks: without a configuration nobody looks for them.
        std::fs::remove_dir_all(&folder).map_err(failed)?;
    }
    Ok(())
}

impl Show for Plan {
    fn table(&self, _screen: &Screen) -> String {
        let mut text = table(&self.files);
        if let Some(host) = self.hosts.first() {
            text.push_str(&format!("now: ssh {host}\n"));
        }
        text
    }

    fn names(&self) -> Vec<String> {
        self.files.iter().map(Row::name).collect()
    }
}
