//! One session channel: what was asked for, the process that does it, and how it ended.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use nexus_init_protocol::{ActivitySource, ExitOutcome, OutputStream, Signal, TerminalSize};
use russh::server::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelWriteHalf};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Sender;

use super::agent::AgentSocket;
use super::clients::ChannelSlot;
use super::intake::Intake;
use super::outcome::{say_end, send_signal};
use super::start::{Asked, Start, custom, size_of, wait_for_start};
use crate::context::Descriptors;
use crate::exec::output::{ProcessEvent, ProcessOutput};
use crate::process::spawn::pipe;
use crate::process::{ExitWatch, KillOnDrop, SpawnError, Standing, signal_group};
use crate::pty::device::Device;
use crate::workspace::Workspace;

const BUFFER: usize = 32 << 10;
/// Extended data of this kind is standard error.
const STDERR: u32 = 1;

type Output = ChannelWriteHalf<Msg>;

/// Serves one channel to its end.
pub(super) async fn serve(
    workspace: Arc<Workspace>,
    slot: ChannelSlot,
    handle: Handle,
    channel: Channel<Msg>,
) {
    let (source, output) = channel.split();
    let mut input = Intake::start(slot.0.clone(), source, workspace.state.clone());
    let mut asked = Asked::default();
    let Some(start) = wait_for_start(&mut input, &mut asked).await else {
        return;
    };
    workspace.note_activity(ActivitySource::Ssh, 1);
    // The handler has refused what is not permitted; the request is seen here all the same.
    let permits = slot.0.permits();
    asked.terminal = asked.terminal.filter(|_| permits.terminal);
    let may_use_agent = permits.agent && workspace.access.policy().allows_agent();
    let agent = match asked.wants_agent && may_use_agent {
        true => open_agent(&workspace, &slot, &handle, output.id()),
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
    workspace: &Arc<Workspace>,
    slot: &ChannelSlot,
    handle: &Handle,
    channel: russh::ChannelId,
) -> Option<AgentSocket> {
    let name = format!("{}-{channel}", crate::clock::now_ms());
    match AgentSocket::open(workspace.clone(), slot.0.clone(), handle.clone(), &name) {
        Ok(agent) => Some(agent),
        Err(error) => {
            tracing::warn!(%error, "the agent of a client cannot be reached");
            None
        }
    }
}

async fn on_pipes(
    workspace: &Arc<Workspace>,
    asked: &Asked,
    start: Start,
    input: &mut Intake,
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
    let mut process = ProcessOutput::new(stdout, stderr, exit)?.without_limit();
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
    input: &mut Intake,
    process_id: u32,
    stdin: OwnedFd,
) -> anyhow::Result<ExitOutcome> {
    let mut stdin = Some(Sender::from_owned_fd(stdin)?);
    while let Some(message) = input.next().await {
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
    input: &mut Intake,
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
    input: &mut Intake,
    device: &Device,
    process_id: u32,
) -> anyhow::Result<ExitOutcome> {
    while let Some(message) = input.next().await {
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
