//! One session channel: what was asked for, the process that does it, and how it ended.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use nexus_init_protocol::{ActivitySource, ExitOutcome, OutputStream, Signal, TerminalSize};
use russh::server::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Sender;

use super::agent::AgentSocket;
use crate::context::{Context, Custom, Descriptors};
use crate::exec::output::{ProcessEvent, ProcessOutput};
use crate::process::spawn::pipe;
use crate::process::{ExitWatch, KillOnDrop, SpawnError, Standing, signal_group};
use crate::pty::device::Device;
use crate::workspace::Workspace;

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

const BUFFER: usize = 32 << 10;
/// Extended data of this kind is standard error.
const STDERR: u32 = 1;

type Output = ChannelWriteHalf<Msg>;

/// What a client asked for before the start.
#[derive(Debug, Default)]
struct Asked {
    env: BTreeMap<String, String>,
    terminal: Option<TerminalSize>,
    wants_agent: bool,
}

#[derive(Debug)]
enum Start {
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

/// Serves one channel to its end.
pub(super) async fn serve(workspace: Arc<Workspace>, handle: Handle, channel: Channel<Msg>) {
    let (mut input, output) = channel.split();
    let mut asked = Asked::default();
    let Some(start) = wait_for_start(&mut input, &mut asked).await else {
        return;
    };
    workspace.note_activity(ActivitySource::Ssh, 1);
    let context = workspace.context();
    let agent = match asked.wants_agent && context.allow_agent_forwarding {
        true => open_agent(&handle, &context, output.id()),
        false => None,
    };
    if let Some(agent) = &agent {
        asked.env.insert("SSH_AUTH_SOCK".to_owned(), agent.path());
    }
    let outcome = match asked.terminal {
        Some(size) => on_terminal(&workspace, &asked, size, start, &mut input, &output).await,
        None => on_pipes(&workspace, &asked, start, &mut input, &output).await,
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            let said =
                output.extended_data_bytes(STDERR, Bytes::from(format!("nexus: {error}\r\n")));
            let _client_is_gone = said.await;
            ExitOutcome::NotStarted {
                code: 126,
                cause: error.to_string(),
            }
        }
    };
    say_end(&handle, &output, &outcome).await;
}

fn open_agent(
    handle: &Handle,
    context: &Context,
    channel: russh::ChannelId,
) -> Option<AgentSocket> {
    let name = format!("{}-{channel}", crate::clock::now_ms());
    match AgentSocket::open(handle.clone(), &context.account, &name) {
        Ok(agent) => Some(agent),
        Err(error) => {
            tracing::warn!(%error, "the agent of a client cannot be reached");
            None
        }
    }
}

/// Collects requests up to the one that starts something.
async fn wait_for_start(input: &mut ChannelReadHalf, asked: &mut Asked) -> Option<Start> {
    loop {
        match input.wait().await? {
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

fn size_of(columns: u32, rows: u32) -> TerminalSize {
    let narrow = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    TerminalSize {
        columns: narrow(columns),
        rows: narrow(rows),
    }
}

/// Program and place: a shell on a terminal starts in the workspace, everything else in the home
/// directory, where `scp` and `rsync` look for relative paths.
fn custom(context: &Context, asked: &Asked, start: &Start) -> (Vec<String>, Custom) {
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
    };
    (argv, custom)
}

/// The distribution's own server when it is there, else ours: this very program.
fn sftp_argv() -> Vec<String> {
    let own = || vec!["/proc/self/exe".to_owned(), "sftp".to_owned()];
    let found = SFTP_SERVERS.iter().find(|path| Path::new(path).exists());
    found.map_or_else(own, |path| vec![(*path).to_owned()])
}

async fn on_pipes(
    workspace: &Arc<Workspace>,
    asked: &Asked,
    start: Start,
    input: &mut ChannelReadHalf,
    output: &Output,
) -> anyhow::Result<ExitOutcome> {
    let context = workspace.context();
    let (argv, custom) = custom(&context, asked, &start);
    let (child_in, stdin) = pipe()?;
    let (stdout, child_out) = pipe()?;
    let (stderr, child_error) = pipe()?;
    let descriptors = Descriptors {
        stdin: Some(child_in),
        stdout: Some(child_out),
        stderr: Some(child_error),
    };
    let command = context.command(argv, &custom, descriptors, Standing::Group)?;
    let exit = match workspace.reaper.spawn(command) {
        Ok(exit) => exit,
        Err(error) => return tell_not_started(output, &error).await,
    };
    let process_id = exit.process_id();
    let _running = workspace.execs.count(process_id);
    let mut kill = KillOnDrop::new(process_id);
    let mut process = ProcessOutput::new(stdout, stderr, exit)?;
    let outcome = tokio::select! {
        outcome = send_pipes(workspace, &mut process, output) => outcome?,
        // The client closed the channel; what it started ends with it.
        gone = take_pipes(workspace, input, process_id, stdin) => gone?,
    };
    kill.disarm();
    Ok(outcome)
}

async fn tell_not_started(output: &Output, error: &SpawnError) -> anyhow::Result<ExitOutcome> {
    let outcome = error.to_outcome();
    let said = Bytes::from(format!("nexus: {outcome}\r\n"));
    output.extended_data_bytes(STDERR, said).await?;
    Ok(outcome)
}

async fn send_pipes(
    workspace: &Workspace,
    process: &mut ProcessOutput,
    output: &Output,
) -> anyhow::Result<ExitOutcome> {
    loop {
        let (stream, bytes) = match process.next().await? {
            ProcessEvent::Ended(outcome) => return Ok(outcome),
            ProcessEvent::Output(stream, bytes) => (stream, Bytes::copy_from_slice(bytes)),
        };
        workspace.note_activity(ActivitySource::Ssh, bytes.len() as u64);
        match stream {
            OutputStream::Stdout => output.data_bytes(bytes).await?,
            OutputStream::Stderr => output.extended_data_bytes(STDERR, bytes).await?,
        }
    }
}

/// Passes on what the client sends until it closes the channel, and then ends the process.
async fn take_pipes(
    workspace: &Workspace,
    input: &mut ChannelReadHalf,
    process_id: u32,
    stdin: OwnedFd,
) -> anyhow::Result<ExitOutcome> {
    let mut stdin = Some(Sender::from_owned_fd(stdin)?);
    while let Some(message) = input.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                workspace.note_activity(ActivitySource::Ssh, data.len() as u64);
                if let Some(open) = &mut stdin
                    && open.write_all(&data).await.is_err()
                {
                    stdin = None;
                }
            }
            ChannelMsg::Eof => stdin = None,
            ChannelMsg::Signal { signal } => send_signal(process_id, &signal),
            ChannelMsg::Close => break,
            _ => {}
        }
    }
    signal_group(process_id, Signal::Hup);
    signal_group(process_id, Signal::Term);
    Ok(ExitOutcome::Signalled { signal: 1 })
}

async fn on_terminal(
    workspace: &Arc<Workspace>,
    asked: &Asked,
    size: TerminalSize,
    start: Start,
    input: &mut ChannelReadHalf,
    output: &Output,
) -> anyhow::Result<ExitOutcome> {
    let context = workspace.context();
    let (argv, custom) = custom(&context, asked, &start);
    let (device, theirs) = Device::open(size, &context.account)?;
    let descriptors = Descriptors {
        stdin: Some(theirs.try_clone()?),
        stdout: Some(theirs.try_clone()?),
        stderr: Some(theirs),
    };
    let command = context.command(argv, &custom, descriptors, Standing::TerminalSession)?;
    let exit = match workspace.reaper.spawn(command) {
        Ok(exit) => exit,
        Err(error) => return tell_not_started(output, &error).await,
    };
    let process_id = exit.process_id();
    let _running = workspace.execs.count(process_id);
    tokio::select! {
        outcome = send_terminal(workspace, &device, exit, output) => outcome,
        gone = take_terminal(workspace, input, &device, process_id) => gone,
    }
}

async fn send_terminal(
    workspace: &Workspace,
    device: &Device,
    mut exit: ExitWatch,
    output: &Output,
) -> anyhow::Result<ExitOutcome> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let ended = exit.outcome();
        tokio::select! {
            biased;
            read = device.read(&mut buffer) => match read? {
                0 => return Ok(exit.ended().await),
                count => {
                    workspace.note_activity(ActivitySource::Ssh, count as u64);
                    output.data_bytes(Bytes::copy_from_slice(&buffer[..count])).await?;
                }
            },
            _ = exit.ended(), if ended.is_none() => {}
            () = tokio::time::sleep(crate::pty::LINGER), if ended.is_some() => {
                return Ok(ended.unwrap_or(ExitOutcome::Lost));
            }
        }
    }
}

async fn take_terminal(
    workspace: &Workspace,
    input: &mut ChannelReadHalf,
    device: &Device,
    process_id: u32,
) -> anyhow::Result<ExitOutcome> {
    while let Some(message) = input.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                workspace.note_activity(ActivitySource::Ssh, data.len() as u64);
                device.write_all(&data).await?;
            }
            ChannelMsg::WindowChange {
                col_width,
                row_height,
                ..
            } => device.resize(size_of(col_width, row_height))?,
            ChannelMsg::Signal { signal } => {
                send_signal(device.foreground().unwrap_or(process_id), &signal);
            }
            ChannelMsg::Close => break,
            _ => {}
        }
    }
    signal_group(process_id, Signal::Hup);
    Ok(ExitOutcome::Signalled { signal: 1 })
}

fn send_signal(process_id: u32, signal: &Sig) {
    let known = match signal {
        Sig::HUP => Signal::Hup,
        Sig::INT => Signal::Int,
        Sig::KILL => Signal::Kill,
        Sig::QUIT => Signal::Quit,
        Sig::TERM => Signal::Term,
        Sig::USR1 => Signal::Usr1,
        Sig::ABRT | Sig::ALRM | Sig::FPE | Sig::ILL | Sig::PIPE | Sig::SEGV => return,
        Sig::Custom(name) if name == "USR2" => Signal::Usr2,
        Sig::Custom(_) => return,
    };
    signal_group(process_id, known);
}

/// Says how it ended, then that nothing follows. A client that is gone hears nothing.
async fn say_end(handle: &Handle, output: &Output, outcome: &ExitOutcome) {
    let id = output.id();
    match outcome {
        ExitOutcome::Signalled { signal } => {
            let name = signal_name(*signal);
            let (text, language) = (String::new(), String::new());
            let _gone = handle
                .exit_signal_request(id, name, false, text, language)
                .await;
        }
        other => {
            let code = other.shell_code().unsigned_abs();
            let _gone = output.exit_status(code).await;
        }
    }
    let _gone = output.eof().await;
    let _gone = output.close().await;
}

fn signal_name(number: i32) -> Sig {
    match number {
        1 => Sig::HUP,
        2 => Sig::INT,
        3 => Sig::QUIT,
        4 => Sig::ILL,
        6 => Sig::ABRT,
        8 => Sig::FPE,
        9 => Sig::KILL,
        10 => Sig::USR1,
        11 => Sig::SEGV,
        13 => Sig::PIPE,
        14 => Sig::ALRM,
        15 => Sig::TERM,
        other => Sig::Custom(format!("{other}@nexus")),
    }
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
