//! The worker's side: one method per request, each on a connection of its own.
//!
//! A client holds nothing but the way to init, so it can be kept, cloned and used from many tasks; a
//! lost connection never has to be repaired.

mod connection;
mod exec;
mod reports;
mod share;
mod terminal;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use self::connection::CONNECT_TIMEOUT;
use self::connection::{Connection, expect_answer};
pub use self::exec::{ExecEvent, ExecEvents, ExecInput, ExecOutput, ExecStream};
pub use self::reports::ReportStream;
pub use self::terminal::{TerminalEvent, TerminalEvents, TerminalInput, TerminalStream};
use crate::access::{Access, Credentials};
use crate::answer::Answer;
use crate::error::ClientError;
use crate::exec::ExecSpec;
use crate::file::{FileInfo, FileWrite};
use crate::frame::FrameKind;
use crate::hello::Welcome;
use crate::id::SessionId;
use crate::plan::SetupPlan;
use crate::reach::{InitStream, Reach, Socket};
use crate::request::{DialTarget, Input, Request};
use crate::status::{Activity, Status};
use crate::terminal::TerminalSpec;

/// Talks to one init.
#[derive(Debug, Clone)]
pub struct Client {
    reach: Arc<dyn Reach>,
    welcome: Option<Welcome>,
}

impl Client {
    /// Connects once to init's socket on this host, to see who is there and which version is spoken.
    pub async fn connect(path: impl AsRef<Path>) -> Result<Self, ClientError> {
        let reach = Arc::new(Socket::new(path.as_ref()));
        let welcome = Some(Connection::open(&*reach).await?.welcome);
        Ok(Self { reach, welcome })
    }

    /// Talks over streams that somebody else opens; nothing is opened before the first request.
    pub fn over(reach: Arc<dyn Reach>) -> Self {
        let welcome = None;
        Self { reach, welcome }
    }

    /// Waits until init listens at `path`; for a machine that was just started. The last error is
    /// returned when `limit` is over.
    pub async fn connect_within(
        path: impl AsRef<Path>,
        limit: Duration,
    ) -> Result<Self, ClientError> {
        let path = path.as_ref();
        let deadline = tokio::time::Instant::now() + limit;
        let mut pause = Duration::from_millis(1);
        loop {
            match Self::connect(path).await {
                Err(ClientError::Connect { .. }) if tokio::time::Instant::now() < deadline => {}
                other => return other,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Who answered when this client was made by [`Client::connect`].
    pub fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_ref()
    }

    /// Who answers now.
    pub async fn greet(&self) -> Result<Welcome, ClientError> {
        Ok(Connection::open(&*self.reach).await?.welcome)
    }

    /// The state at this moment.
    pub async fn status(&self) -> Result<Status, ClientError> {
        match self.ask("asking for the status", &Request::Status).await? {
            Answer::Status(status) => Ok(*status),
            other => Err(unexpected("asking for the status", &other)),
        }
    }

    /// Hands over a plan; true when this operation and epoch was known already.
    pub async fn apply(&self, plan: &SetupPlan) -> Result<bool, ClientError> {
        let request = Request::Apply(Box::new(plan.clone()));
        match self.ask("applying the plan", &request).await? {
            Answer::Applied { known } => Ok(known),
            other => Err(unexpected("applying the plan", &other)),
        }
    }

    /// Every report after number `after`, then new ones as they come.
    pub async fn reports(&self, after: u64) -> Result<ReportStream, ClientError> {
        let follow = true;
        let connection = self.send(&Request::Reports { after, follow }).await?;
        Ok(ReportStream::new(connection))
    }

    /// Every report after number `after` there is now; the stream then ends.
    pub async fn reports_so_far(&self, after: u64) -> Result<ReportStream, ClientError> {
        let follow = false;
        let connection = self.send(&Request::Reports { after, follow }).await?;
        Ok(ReportStream::new(connection))
    }

    /// Runs a command or attaches to a claimed one.
    pub async fn exec(&self, spec: &ExecSpec) -> Result<ExecStream, ClientError> {
        let connection = self.send(&Request::Exec(spec.clone())).await?;
        ExecStream::start(connection).await
    }

    /// Runs a command without input to its end and returns what it wrote, at most `limit` bytes of
    /// each stream; the rest is read and dropped.
    pub async fn exec_to_end(
        &self,
        spec: &ExecSpec,
        limit: usize,
    ) -> Result<ExecOutput, ClientError> {
        self.exec(spec).await?.collect(limit).await
    }

    /// Attaches to a terminal session, or makes one.
    pub async fn terminal(&self, spec: &TerminalSpec) -> Result<TerminalStream, ClientError> {
        let mut connection = Connection::open(&*self.reach).await?;
        if spec.read_only || spec.record {
            connection.needs_sharing("watching only, or recording, a terminal")?;
        }
        let request = Request::Terminal(spec.clone());
        connection.writer.control(&request).await?;
        TerminalStream::start(connection).await
    }

    /// Ends a terminal session.
    pub async fn close_terminal(&self, session: &SessionId) -> Result<(), ClientError> {
        let session = session.clone();
        let request = Request::CloseTerminal { session };
        self.ask_done("closing a terminal", &request).await
    }

    /// A byte stream to something that listens inside. Shutting down its write half is passed on.
    pub async fn dial(&self, target: &DialTarget) -> Result<InitStream, ClientError> {
        self.raw("dialling", &Request::Dial(target.clone())).await
    }

    /// A byte stream that is an SSH transport; init is the server.
    pub async fn ssh(&self) -> Result<InitStream, ClientError> {
        self.raw("opening an SSH transport", &Request::Ssh).await
    }

    /// Says who may log in from now on; open connections that may not are closed within a second.
    pub async fn set_access(&self, access: &Access) -> Result<(), ClientError> {
        let request = Request::SetAccess(Box::new(access.clone()));
        self.replace_document("setting who may log in", &request)
            .await
    }

    /// Says what processes started from now on are given.
    pub async fn set_credentials(&self, credentials: &Credentials) -> Result<(), ClientError> {
        let request = Request::SetCredentials(Box::new(credentials.clone()));
        self.replace_document("setting credentials", &request).await
    }

    async fn replace_document(
        &self,
        attempted: &'static str,
        request: &Request,
    ) -> Result<(), ClientError> {
        let mut connection = Connection::open(&*self.reach).await?;
        connection.needs_sharing(attempted)?;
        connection.writer.control(request).await?;
        done(attempted, connection.answer(attempted).await?)
    }

    /// Reads a file whole, as the work user.
    pub async fn read_file(&self, path: &str) -> Result<(FileInfo, Vec<u8>), ClientError> {
        const ATTEMPTED: &str = "reading a file";
        let path = path.to_owned();
        let mut connection = self.send(&Request::ReadFile { path }).await?;
        let info = match expect_answer(ATTEMPTED, connection.answer(ATTEMPTED).await?)? {
            Answer::File(info) => info,
            other => return Err(unexpected(ATTEMPTED, &other)),
        };
        let mut content = Vec::new();
        loop {
            let frame = connection.frame(ATTEMPTED).await?;
            if frame.kind != FrameKind::Control {
                content.extend_from_slice(&frame.into_data()?.1);
                continue;
            }
            return match expect_answer(ATTEMPTED, serde_json::from_slice(&frame.payload)?)? {
                Answer::Done => Ok((info, content)),
                other => Err(unexpected(ATTEMPTED, &other)),
            };
        }
    }

    /// Writes a file whole: afterwards the old or the new content is there, never a part.
    pub async fn write_file(&self, file: &FileWrite, content: &[u8]) -> Result<(), ClientError> {
        const ATTEMPTED: &str = "writing a file";
        let mut connection = self.send(&Request::WriteFile(file.clone())).await?;
        let writer = &mut connection.writer;
        writer.data(FrameKind::Input, 0, content).await?;
        writer.control(&Input::EndOfInput).await?;
        done(ATTEMPTED, connection.answer(ATTEMPTED).await?)
    }

    /// Removes a file, or a directory with all in it when `recursive`; nothing to remove is success.
    pub async fn remove_file(&self, path: &str, recursive: bool) -> Result<(), ClientError> {
        let path = path.to_owned();
        let request = Request::RemoveFile { path, recursive };
        self.ask_done("removing a file", &request).await
    }

    /// What is in a directory, by name.
    pub async fn list_directory(&self, path: &str) -> Result<Vec<FileInfo>, ClientError> {
        let path = path.to_owned();
        let request = Request::ListDirectory { path };
        match self.ask("listing a directory", &request).await? {
            Answer::Directory(entries) => Ok(entries),
            other => Err(unexpected("listing a directory", &other)),
        }
    }

    /// When who was last at work.
    pub async fn activity(&self) -> Result<Activity, ClientError> {
        match self.ask("asking for activity", &Request::Activity).await? {
            Answer::Activity(activity) => Ok(activity),
            other => Err(unexpected("asking for activity", &other)),
        }
    }

    /// Stops everything inside and init itself; returns when all but init is down.
    pub async fn stop(&self, grace: Duration) -> Result<(), ClientError> {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.ask_done("stopping", &Request::Stop { grace_ms }).await
    }

    async fn send(&self, request: &Request) -> Result<Connection, ClientError> {
        let mut connection = Connection::open(&*self.reach).await?;
        connection.writer.control(request).await?;
        Ok(connection)
    }

    async fn ask(&self, attempted: &'static str, request: &Request) -> Result<Answer, ClientError> {
        let mut connection = self.send(request).await?;
        expect_answer(attempted, connection.answer(attempted).await?)
    }

    async fn ask_done(
        &self,
        attempted: &'static str,
        request: &Request,
    ) -> Result<(), ClientError> {
        done(attempted, self.ask(attempted, request).await?)
    }

    async fn raw(
        &self,
        attempted: &'static str,
        request: &Request,
    ) -> Result<InitStream, ClientError> {
        let mut connection = self.send(request).await?;
        match expect_answer(attempted, connection.answer(attempted).await?)? {
            Answer::Connected => Ok(connection.into_stream()),
            other => Err(unexpected(attempted, &other)),
        }
    }
}

fn done(attempted: &'static str, answer: Answer) -> Result<(), ClientError> {
    match expect_answer(attempted, answer)? {
        Answer::Done => Ok(()),
        other => Err(unexpected(attempted, &other)),
    }
}

fn unexpected(attempted: &'static str, answer: &Answer) -> ClientError {
    ClientError::Unexpected {
        attempted,
        got: answer.name(),
    }
}
