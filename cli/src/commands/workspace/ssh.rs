//! `nexus ssh`: the OpenSSH client of this machine, pinned to the workspace's host key; or, for
//! any other SSH program, the stream it is to speak over (`--stdio`, `--fdpass`).

mod known;
mod proxy;
mod words;

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nexus_events::view::WorkspaceView;
use nexus_events::workspace::Phase;

use super::{accept, end, find};
use crate::args::Waiting;
use crate::args::ssh::{Ssh, Via};
use crate::client::{Client, Request, workspace_path};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::identity::Identity;
use crate::out;
use crate::reference;
use crate::ssh::text::shell_line;
use crate::ssh::{authority, certificate};
use crate::stream;
use words::{Key, Line};

pub(in crate::commands) async fn run(context: &Context, arguments: &Ssh) -> Result<Exit> {
    let name = context.workspace(arguments.which.name.as_deref())?;
    let name = reference::host(&name)?;
    if arguments.certificate {
        return proxy::certificate(context, name).await;
    }
    if arguments.fdpass && stream::is_socket_expected() {
        return proxy::run(context, name, stream::to_parent).await;
    }
    if arguments.stdio || arguments.fdpass {
        return proxy::run(context, name, stream::over_standard_streams).await;
    }
    let client = context.client()?;
    let workspace = awake(context, &client, find(&client, name, None).await?).await?;
    let line = line(context, &client, &workspace, arguments).await?;
    let words = line.words(context, arguments)?;
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
    let line = Line::new(
        context,
        workspace,
        Via::Port,
        None,
        Key::remembered(context),
    )?;
    let words = line.words(context, &Ssh::default())?;
    Ok(shell_line(&words))
}

/// Which way in, and with what key.
async fn line(
    context: &Context,
    client: &Client,
    workspace: &WorkspaceView,
    arguments: &Ssh,
) -> Result<Line> {
    let via = arguments.via.unwrap_or(Via::Port);
    let authority = match via {
        Via::Port | Via::Stdio => None,
        Via::Jump => Some(authority::authority(client).await?),
    };
    let key = key(context, client, workspace, via).await?;
    Line::new(context, workspace, via, authority, key)
}

/// What lets the person in: the key registered here into workspaces of theirs, and into any other
/// (an operator's or administrator's errand) a certificate.
async fn key(
    context: &Context,
    client: &Client,
    workspace: &WorkspaceView,
    via: Via,
) -> Result<Key> {
    let remembered = Key::remembered(context);
    if remembered != Key::Usual && is_own(context, workspace) {
        return Ok(remembered);
    }
    let name = workspace.name.to_string();
    match certificate::ensure(context, client, workspace, &name).await {
        Ok((own, path)) => Ok(Key::Certified(own.private, path)),
        // At a port a key that is not known here may still let in, as one of an agent.
        Err(error) if via == Via::Port => {
            context.say(&format!(
                "no certificate: {}; if ssh is refused: {}",
                error.why, error.next
            ));
            Ok(remembered)
        }
        Err(error) => Err(error),
    }
}

/// Whether the workspace is of whoever registered here.
fn is_own(context: &Context, workspace: &WorkspaceView) -> bool {
    let (Some(identity), Some(owner)) =
        (Identity::remembered(&context.home), &workspace.owner_login)
    else {
        return false;
    };
    owner.eq_ignore_ascii_case(identity.github_username.as_str())
}

/// A stopped workspace is started, and one that is starting is waited for.
pub(in crate::commands) async fn awake(
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
