//! One connection: greet, read the one request, answer it.

use std::sync::Arc;
use std::time::Duration;

use nexus_init_protocol::frame::{FrameError, FrameReader, FrameWriter};
use nexus_init_protocol::hello::{HIGHEST_VERSION, Hello, HelloReply, LOWEST_VERSION, Welcome};
use nexus_init_protocol::{Answer, Failure, FailureCode, Request};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::workspace::{INIT_VERSION, Workspace};
use crate::{access, credentials, dial, exec, files, hand_over, pty, ssh};

/// A peer that does not say what it wants is let go.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) type Reader = FrameReader<OwnedReadHalf>;
pub(crate) type Writer = FrameWriter<OwnedWriteHalf>;

/// Why a connection came to a bad end; nobody is left to be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    #[error("the peer broke the connection or the protocol")]
    Frame(#[from] FrameError),
    #[error("the peer sent a message that is none of ours")]
    Message(#[from] serde_json::Error),
    #[error("the peer said nothing in time")]
    Silent(#[from] tokio::time::error::Elapsed),
    #[error("moving bytes")]
    Io(#[from] std::io::Error),
}

/// The socket whole again, right after a message: nothing more was read from it.
pub(crate) fn reunite(reader: Reader, writer: Writer) -> Result<UnixStream, ConnectionError> {
    let whole = reader.into_inner().reunite(writer.into_inner());
    Ok(whole.map_err(std::io::Error::other)?)
}

/// Serves one connection to its end.
pub(crate) async fn converse(workspace: Arc<Workspace>, stream: UnixStream) {
    if let Err(error) = try_converse(workspace, stream).await {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a connection ended badly"
        );
    }
}

async fn try_converse(
    workspace: Arc<Workspace>,
    stream: UnixStream,
) -> Result<(), ConnectionError> {
    let (read_half, write_half) = stream.into_split();
    let mut reader = FrameReader::new(read_half);
    let mut writer = FrameWriter::new(write_half);
    let greeting = read_request(&workspace, &mut reader, &mut writer);
    let Some(request) = tokio::time::timeout(REQUEST_TIMEOUT, greeting).await?? else {
        return Ok(());
    };
    match request {
        Ok(request) => answer(workspace, request, reader, writer).await,
        Err(failure) => Ok(writer.control(&Answer::Failed(failure)).await?),
    }
}

/// The request, or why it cannot be understood; none when the peer only wanted to greet.
async fn read_request(
    workspace: &Workspace,
    reader: &mut Reader,
    writer: &mut Writer,
) -> Result<Option<Result<Request, Failure>>, ConnectionError> {
    let Some(frame) = reader.next().await? else {
        return Ok(None);
    };
    let hello: Hello = serde_json::from_slice(&frame.payload)?;
    let Some(version) = hello.common_version() else {
        let refusal = HelloReply::Refused {
            lowest: LOWEST_VERSION,
            highest: HIGHEST_VERSION,
        };
        writer.control(&refusal).await?;
        return Ok(None);
    };
    let welcome = Welcome {
        version,
        init_version: INIT_VERSION.to_owned(),
        boot_id: workspace.boot_id.clone(),
    };
    writer.control(&HelloReply::Welcome(welcome)).await?;
    let Some(frame) = reader.next().await? else {
        return Ok(None);
    };
    Ok(Some(serde_json::from_slice(&frame.payload).map_err(
        |error| {
            Failure::new(
                FailureCode::Invalid,
                format!("the request cannot be read: {error}"),
            )
        },
    )))
}

async fn answer(
    workspace: Arc<Workspace>,
    request: Request,
    mut reader: Reader,
    mut writer: Writer,
) -> Result<(), ConnectionError> {
    if workspace.is_stopping() && starts_something(&request) {
        let failure = Failure::new(FailureCode::NotReady, "the workspace is stopping");
        return Ok(writer.control(&Answer::Failed(failure)).await?);
    }
    let simple = match request {
        Request::Status => Ok(Answer::Status(Box::new(workspace.status()))),
        Request::Activity => Ok(Answer::Activity(workspace.activity.snapshot())),
        Request::Apply(plan) => crate::setup::apply(&workspace, *plan),
        Request::Reports { after, follow } => {
            return follow_reports(&workspace, after, follow, &mut reader, &mut writer).await;
        }
        Request::Exec(spec) => return exec::serve(&workspace, spec, reader, writer).await,
        Request::Terminal(spec) => return pty::serve(&workspace, spec, reader, writer).await,
        Request::CloseTerminal { session } => pty::close(&workspace, &session),
        Request::Dial(target) => return dial::serve(&workspace, target, reader, writer).await,
        Request::Ssh => return ssh::serve(workspace, reader, writer).await,
        Request::HandOver(target) => {
            return hand_over::serve(workspace, target, reader, writer).await;
        }
        Request::DialSocket(target) => {
            return dial::give_out(&workspace, target, reader, writer).await;
        }
        Request::SetAccess(access) => access::set(&workspace, &access),
        Request::SetCredentials(new) => credentials::set(&workspace, *new).await,
        Request::ReadFile { path } => return files::read(&workspace, path, &mut writer).await,
        Request::WriteFile(file) => files::write(&workspace, file, &mut reader).await?,
        Request::RemoveFile { path, recursive } => files::remove(&workspace, path, recursive).await,
        Request::ListDirectory { path } => files::list(&workspace, path).await,
        Request::Stop { grace_ms } => {
            return stop(&workspace, Duration::from_millis(grace_ms), &mut writer).await;
        }
    };
    let answer = simple.unwrap_or_else(Answer::Failed);
    Ok(writer.control(&answer).await?)
}

fn starts_something(request: &Request) -> bool {
    match request {
        Request::Apply(_)
        | Request::Exec(_)
        | Request::Terminal(_)
        | Request::Dial(_)
        | Request::Ssh
        | Request::HandOver(_)
        | Request::DialSocket(_)
        | Request::WriteFile(_) => true,
        Request::Status
        | Request::SetAccess(_)
        | Request::SetCredentials(_)
        | Request::Reports { .. }
        | Request::CloseTerminal { .. }
        | Request::ReadFile { .. }
        | Request::RemoveFile { .. }
        | Request::ListDirectory { .. }
        | Request::Activity
        | Request::Stop { .. } => false,
    }
}

async fn follow_reports(
    workspace: &Workspace,
    after: u64,
    follow: bool,
    reader: &mut Reader,
    writer: &mut Writer,
) -> Result<(), ConnectionError> {
    let mut newest = workspace.journal.watch();
    let mut reports = workspace.journal.reader(after)?;
    loop {
        newest.mark_unchanged();
        while let Some(report) = reports.next()? {
            writer.control(&Answer::Report(Box::new(report))).await?;
        }
        if !follow {
            return Ok(writer.control(&Answer::Done).await?);
        }
        tokio::select! {
            _ = newest.changed() => {}
            _ = reader.next() => return Ok(()),
        }
    }
}

async fn stop(
    workspace: &Arc<Workspace>,
    grace: Duration,
    writer: &mut Writer,
) -> Result<(), ConnectionError> {
    let mut down = workspace.watch_down();
    workspace.request_stop(grace);
    drop(down.wait_for(|is_down| *is_down).await);
    Ok(writer.control(&Answer::Done).await?)
}
