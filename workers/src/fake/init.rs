//! A fake init: the real protocol on a real socket, nothing behind it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use nexus_init_protocol::file::{FileInfo, FileType};
use nexus_init_protocol::frame::{FrameError, FrameKind, FrameReader, FrameWriter};
use nexus_init_protocol::hello::{HIGHEST_VERSION, Hello, HelloReply, Welcome};
use nexus_init_protocol::{
    Activity, Answer, ExecSpec, ExitOutcome, Failure, FailureCode, HandOver, Input, Request,
    Status, descriptor,
};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};

use super::init_state::{InitState, SetupScript};

/// Listens until dropped; its connections end with it.
#[derive(Debug)]
pub(super) struct InitServer(JoinHandle<()>);

impl Drop for InitServer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl InitServer {
    pub(super) fn start(
        socket: &Path,
        state: Arc<InitState>,
        script: SetupScript,
    ) -> io::Result<Self> {
        match std::fs::remove_file(socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(socket)?;
        Ok(Self(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            let (set_ups, mut wanted) = tokio::sync::mpsc::unbounded_channel();
            let doing = Arc::clone(&state);
            // Set-ups go on when their connection has ended, as in the real one.
            connections.spawn(async move {
                while let Some(plan) = wanted.recv().await {
                    doing.set_up(&plan, &script).await;
                }
            });
            while let Ok((stream, _)) = listener.accept().await {
                let conversation = Conversation::new(stream, Arc::clone(&state), set_ups.clone());
                connections.spawn(async move {
                    if let Err(error) = conversation.converse().await {
                        tracing::debug!(%error, "a conversation with the fake init ended");
                    }
                });
            }
        })))
    }
}

type SetUps = tokio::sync::mpsc::UnboundedSender<nexus_init_protocol::SetupPlan>;

struct Conversation {
    reader: FrameReader<OwnedReadHalf>,
    writer: FrameWriter<OwnedWriteHalf>,
    state: Arc<InitState>,
    set_ups: SetUps,
}

impl Conversation {
    fn new(stream: UnixStream, state: Arc<InitState>, set_ups: SetUps) -> Self {
        let (read, write) = stream.into_split();
        Self {
            reader: FrameReader::new(read),
            writer: FrameWriter::new(write),
            state,
            set_ups,
        }
    }

    async fn converse(mut self) -> Result<(), FrameError> {
        let Some(_hello) = self.message::<Hello>().await? else {
            return Ok(());
        };
        let welcome = Welcome {
            version: HIGHEST_VERSION,
            init_version: "fake".into(),
            boot_id: "fake".into(),
        };
        self.writer.control(&HelloReply::Welcome(welcome)).await?;
        match self.message::<Request>().await? {
            Some(request) => self.answer(request).await,
            None => Ok(()),
        }
    }

    async fn message<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let Some(frame) = self.reader.next().await? else {
            return Ok(None);
        };
        Ok(Some(
            serde_json::from_slice(&frame.payload).map_err(io::Error::from)?,
        ))
    }

    async fn answer(mut self, request: Request) -> Result<(), FrameError> {
        match request {
            Request::Status => {
                let status = Box::new(self.status());
                self.writer.control(&Answer::Status(status)).await
            }
            Request::Apply(plan) => {
                let known = self.state.take(&plan);
                self.writer.control(&Answer::Applied { known }).await?;
                if !known {
                    let _server_ended = self.set_ups.send(*plan);
                }
                Ok(())
            }
            Request::Reports { after, follow } => self.reports(after, follow).await,
            Request::Exec(spec) => self.exec(&spec).await,
            Request::HandOver(target) => self.take_over(target).await,
            Request::Dial(_) => self.echo(b"").await,
            Request::Ssh => self.echo(b"SSH-2.0-fake\r\n").await,
            Request::ReadFile { path } => self.read_file(&path).await,
            Request::WriteFile(file) => self.write_file(&file.path).await,
            Request::Activity => {
                self.writer
                    .control(&Answer::Activity(Activity::default()))
                    .await
            }
            Request::Stop { .. }
            | Request::RemoveFile { .. }
            | Request::CloseTerminal { .. }
            | Request::SetAccess(_)
            | Request::SetCredentials(_) => self.writer.control(&Answer::Done).await,
            Request::Terminal(_) | Request::ListDirectory { .. } | Request::DialSocket(_) => {
                let failure = Failure::new(FailureCode::Invalid, "a fake init has none");
                self.writer.control(&Answer::Failed(failure)).await
            }
        }
    }

    fn status(&self) -> Status {
        Status {
            init_version: "fake".into(),
            boot_id: "fake".into(),
            up_since_ms: 0,
            last_report: *self.state.last().borrow(),
            setup: None,
            services: Vec::new(),
            sessions: Vec::new(),
            running_execs: 0,
            ssh_connections: 0,
            activity: Activity::default(),
            access_revision: 0,
            credentials_revision: 0,
        }
    }

    async fn reports(&mut self, mut after: u64, follow: bool) -> Result<(), FrameError> {
        let mut last = self.state.last();
        loop {
            for report in self.state.reports_after(after) {
                after = report.number;
                self.writer
                    .control(&Answer::Report(Box::new(report)))
                    .await?;
            }
            if !follow {
                return self.writer.control(&Answer::Done).await;
            }
            if last.wait_for(|number| *number > after).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Knows `true`, `false` and `cat`, which gives its input back.
    async fn exec(&mut self, spec: &ExecSpec) -> Result<(), FrameError> {
        let attached = false;
        self.writer
            .control(&Answer::ExecStarted {
                process_id: Some(1),
                attached,
            })
            .await?;
        let outcome = match spec.argv.first().map(String::as_str) {
            Some("true") => ExitOutcome::Exited { code: 0 },
            Some("false") => ExitOutcome::Exited { code: 1 },
            Some("cat") => {
                self.cat().await?;
                ExitOutcome::Exited { code: 0 }
            }
            _ => ExitOutcome::NotStarted {
                code: 127,
                cause: "not found".into(),
            },
        };
        self.writer.control(&Answer::ExecEnded { outcome }).await
    }

    async fn cat(&mut self) -> Result<(), FrameError> {
        let input = self.input().await?;
        self.writer.data(FrameKind::Output, 0, &input).await
    }

    /// All input up to its end.
    async fn input(&mut self) -> Result<Vec<u8>, FrameError> {
        let mut content = Vec::new();
        while let Some(frame) = self.reader.next().await? {
            if frame.kind == FrameKind::Input {
                content.extend_from_slice(&frame.into_data()?.1);
            } else if matches!(
                serde_json::from_slice(&frame.payload).map_err(io::Error::from)?,
                Input::EndOfInput
            ) {
                break;
            }
        }
        Ok(content)
    }

    async fn read_file(&mut self, path: &str) -> Result<(), FrameError> {
        let Some(content) = self.state.read(path) else {
            let failure = Failure::new(FailureCode::NotFound, "no such file");
            return self.writer.control(&Answer::Failed(failure)).await;
        };
        let info = FileInfo {
            name: path.rsplit('/').next().unwrap_or(path).to_owned(),
            file_type: FileType::File,
            size: content.len() as u64,
            mode: 0o644,
            modified_ms: 0,
        };
        self.writer.control(&Answer::File(info)).await?;
        self.writer.data(FrameKind::Output, 0, &content).await?;
        self.writer.control(&Answer::Done).await
    }

    async fn write_file(&mut self, path: &str) -> Result<(), FrameError> {
        let content = self.input().await?;
        self.state.write(path, content);
        self.writer.control(&Answer::Done).await
    }

    /// Serves a connection that was accepted elsewhere, without whoever accepted it.
    async fn take_over(self, target: HandOver) -> Result<(), FrameError> {
        let reader = self.reader.into_inner();
        let stream = reader
            .reunite(self.writer.into_inner())
            .map_err(io::Error::other)?;
        let descriptor = descriptor::receive(&stream).await?;
        let mut writer = FrameWriter::new(stream);
        writer.control(&Answer::Done).await?;
        drop(writer);
        let mut outside = TcpStream::from_std(std::net::TcpStream::from(descriptor))?;
        let greeting: &[u8] = match target {
            HandOver::Ssh => b"SSH-2.0-fake\r\n",
            HandOver::Port(_) => b"",
        };
        outside.write_all(greeting).await?;
        let (mut read, mut write) = outside.split();
        tokio::io::copy(&mut read, &mut write).await?;
        Ok(write.shutdown().await?)
    }

    async fn echo(mut self, greeting: &[u8]) -> Result<(), FrameError> {
        self.writer.control(&Answer::Connected).await?;
        let (mut read, mut write) = (self.reader.into_inner(), self.writer.into_inner());
        write.write_all(greeting).await?;
        tokio::io::copy(&mut read, &mut write).await?;
        Ok(write.shutdown().await?)
    }
}
