//! An execution that belongs to its connection: nothing is kept, and it is killed when the client
//! goes away.

use std::os::fd::OwnedFd;
use std::time::Duration;

use nexus_init_protocol::frame::FrameKind;
use nexus_init_protocol::{
    Answer, ExecSpec, ExitOutcome, Failure, FailureCode, OutputStream, Signal,
};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Sender;

use super::output::{ProcessEvent, ProcessOutput};
use super::{FromClient, next_input, start};
use crate::connection::{ConnectionError, Reader, Writer};
use crate::context::Descriptors;
use crate::process::spawn::pipe;
use crate::process::{ExitWatch, KillOnDrop, signal_group};
use crate::workspace::Workspace;

struct Pipes {
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

pub(super) async fn serve(
    workspace: &Workspace,
    spec: ExecSpec,
    mut reader: Reader,
    mut writer: Writer,
) -> Result<(), ConnectionError> {
    let (pipes, descriptors) = make_pipes()?;
    let exit = match start(workspace, &spec, descriptors) {
        Err(failure) => return Ok(writer.control(&Answer::Failed(failure)).await?),
        Ok(Err(error)) => return tell_not_started(&mut writer, error.to_outcome()).await,
        Ok(Ok(exit)) => exit,
    };
    let process_id = exit.process_id();
    let _running = workspace.execs.count(process_id);
    let mut kill = KillOnDrop::new(process_id);
    let started = Answer::ExecStarted {
        process_id: Some(process_id),
        attached: false,
    };
    writer.control(&started).await?;
    let limit = spec.timeout_ms.map(Duration::from_millis);
    tokio::select! {
        sent = send_output(pipes.stdout, pipes.stderr, exit, limit, &mut writer) => sent?,
        gone = pump_input(&mut reader, process_id, pipes.stdin) => return gone,
    }
    kill.disarm();
    Ok(())
}

fn make_pipes() -> std::io::Result<(Pipes, Descriptors)> {
    let (child_in, stdin) = pipe()?;
    let (stdout, child_out) = pipe()?;
    let (stderr, child_error) = pipe()?;
    let descriptors = Descriptors {
        stdin: Some(child_in),
        stdout: Some(child_out),
        stderr: Some(child_error),
    };
    let pipes = Pipes {
        stdin,
        stdout,
        stderr,
    };
    Ok((pipes, descriptors))
}

async fn tell_not_started(
    writer: &mut Writer,
    outcome: ExitOutcome,
) -> Result<(), ConnectionError> {
    let started = Answer::ExecStarted {
        process_id: None,
        attached: false,
    };
    writer.control(&started).await?;
    Ok(writer.control(&Answer::ExecEnded { outcome }).await?)
}

async fn send_output(
    stdout: OwnedFd,
    stderr: OwnedFd,
    exit: ExitWatch,
    limit: Option<Duration>,
    writer: &mut Writer,
) -> Result<(), ConnectionError> {
    let process_id = exit.process_id();
    let mut output = ProcessOutput::new(stdout, stderr, exit)?;
    let (mut stdout_offset, mut stderr_offset) = (0, 0);
    let deadline = limit.map(|limit| tokio::time::Instant::now() + limit);
    let mut timed_out = false;
    loop {
        let event = tokio::select! {
            event = output.next() => event?,
            () = sleep_until(deadline), if !timed_out => {
                timed_out = true;
                signal_group(process_id, Signal::Kill);
                continue;
            }
        };
        let (kind, offset, bytes) = match event {
            ProcessEvent::Output(OutputStream::Stdout, bytes) => {
                (FrameKind::Output, &mut stdout_offset, bytes)
            }
            ProcessEvent::Output(OutputStream::Stderr, bytes) => {
                (FrameKind::ErrorOutput, &mut stderr_offset, bytes)
            }
            ProcessEvent::Ended(outcome) => {
                let outcome = if timed_out {
                    ExitOutcome::TimedOut
                } else {
                    outcome
                };
                return Ok(writer.control(&Answer::ExecEnded { outcome }).await?);
            }
        };
        writer.data(kind, *offset, bytes).await?;
        *offset += bytes.len() as u64;
    }
}

pub(super) async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Passes the client's bytes on until it goes away.
async fn pump_input(
    reader: &mut Reader,
    process_id: u32,
    stdin: OwnedFd,
) -> Result<(), ConnectionError> {
    let mut stdin = Some(Sender::from_owned_fd(stdin)?);
    loop {
        match next_input(reader, Some(process_id)).await? {
            FromClient::Bytes(bytes) => {
                if let Some(open) = &mut stdin
                    && open.write_all(&bytes).await.is_err()
                {
                    // The command does not read any more; what is sent goes nowhere.
                    stdin = None;
                }
            }
            FromClient::EndOfInput => stdin = None,
            FromClient::Other => {}
            FromClient::Gone => return Ok(()),
        }
    }
}

/// A failure of init itself while starting a command.
pub(super) fn internal(error: &std::io::Error) -> Failure {
    Failure::new(
        FailureCode::Internal,
        format!("preparing the command: {error}"),
    )
}
