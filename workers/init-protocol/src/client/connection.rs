//! One connection: opened, greeted, ready for its request.

use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::answer::Answer;
use crate::error::ClientError;
use crate::frame::{Frame, FrameReader, FrameWriter};
use crate::hello::{Hello, HelloReply, Welcome};
use crate::socket::SocketAddress;

/// Limit for connecting and the handshake together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) reader: FrameReader<OwnedReadHalf>,
    pub(super) writer: FrameWriter<OwnedWriteHalf>,
    pub(super) welcome: Welcome,
}

impl Connection {
    pub(super) async fn open(path: &Path) -> Result<Self, ClientError> {
        tokio::time::timeout(CONNECT_TIMEOUT, Self::greet(path))
            .await
            .unwrap_or(Err(ClientError::TimedOut {
                seconds: CONNECT_TIMEOUT.as_secs(),
            }))
    }

    async fn greet(path: &Path) -> Result<Self, ClientError> {
        let stream = connect(path).await.map_err(|source| ClientError::Connect {
            path: path.to_owned(),
            source,
        })?;
        let (read_half, write_half) = stream.into_split();
        let mut reader = FrameReader::new(read_half);
        let mut writer = FrameWriter::new(write_half);
        writer.control(&Hello::default()).await?;
        let attempted = "greeting";
        let frame = reader.next().await?;
        let frame = frame.ok_or(ClientError::Ended { attempted })?;
        match serde_json::from_slice(&frame.payload)? {
            HelloReply::Welcome(welcome) => Ok(Self {
                reader,
                writer,
                welcome,
            }),
            HelloReply::Refused { lowest, highest } => {
                Err(ClientError::Version { lowest, highest })
            }
        }
    }

    pub(super) async fn frame(&mut self, attempted: &'static str) -> Result<Frame, ClientError> {
        self.reader
            .next()
            .await?
            .ok_or(ClientError::Ended { attempted })
    }

    pub(super) async fn answer(&mut self, attempted: &'static str) -> Result<Answer, ClientError> {
        let frame = self.frame(attempted).await?;
        Ok(serde_json::from_slice(&frame.payload)?)
    }

    pub(super) fn into_stream(self) -> UnixStream {
        self.reader
            .into_inner()
            .reunite(self.writer.into_inner())
            .expect("both halves were split from one stream in greet")
    }
}

async fn connect(path: &Path) -> std::io::Result<UnixStream> {
    let address = SocketAddress::new(path)?;
    UnixStream::connect(address.path()).await
}

/// Turns a failure told by init into an error.
pub(super) fn expect_answer(
    attempted: &'static str,
    answer: Answer,
) -> Result<Answer, ClientError> {
    match answer {
        Answer::Failed(failure) => Err(ClientError::Refused { attempted, failure }),
        other => Ok(other),
    }
}

/// The write half of a connection whose other half goes on: dropping it must not shut the stream
/// down, which init would take for the client being gone.
#[derive(Debug)]
pub(super) struct KeepOpen(Option<FrameWriter<OwnedWriteHalf>>);

impl KeepOpen {
    pub(super) fn new(writer: FrameWriter<OwnedWriteHalf>) -> Self {
        Self(Some(writer))
    }

    pub(super) fn get(&mut self) -> &mut FrameWriter<OwnedWriteHalf> {
        self.0.as_mut().expect("it is taken out only when dropped")
    }
}

impl Drop for KeepOpen {
    fn drop(&mut self) {
        if let Some(writer) = self.0.take() {
            writer.into_inner().forget();
        }
    }
}
