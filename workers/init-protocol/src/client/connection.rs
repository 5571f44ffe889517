//! One connection: opened, greeted, ready for its request.

use std::time::Duration;

use tokio::io::{ReadHalf, WriteHalf};

use crate::answer::Answer;
use crate::error::ClientError;
use crate::frame::{Frame, FrameReader, FrameWriter};
use crate::hello::{Hello, HelloReply, SHARING_VERSION, Welcome};
use crate::reach::{InitStream, Reach};

/// Limit for connecting and the handshake together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) type Reader = FrameReader<ReadHalf<InitStream>>;
/// Dropping it ends nothing: the stream is shut down by its owner, or closed with both halves gone.
pub(super) type Writer = FrameWriter<WriteHalf<InitStream>>;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    pub(super) welcome: Welcome,
}

impl Connection {
    pub(super) async fn open(reach: &dyn Reach) -> Result<Self, ClientError> {
        tokio::time::timeout(CONNECT_TIMEOUT, Self::greet(reach))
            .await
            .unwrap_or(Err(ClientError::TimedOut {
                seconds: CONNECT_TIMEOUT.as_secs(),
            }))
    }

    async fn greet(reach: &dyn Reach) -> Result<Self, ClientError> {
        let stream = reach.open().await.map_err(|source| ClientError::Connect {
            place: format!("{reach:?}"),
            source,
        })?;
        let (read_half, write_half) = tokio::io::split(stream);
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

    /// Fails when the init there is older than what is wanted of it.
    pub(super) fn needs_sharing(&self, attempted: &'static str) -> Result<(), ClientError> {
        let version = self.welcome.version;
        match version >= SHARING_VERSION {
            true => Ok(()),
            false => Err(ClientError::TooOld { attempted, version }),
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

    pub(super) fn into_stream(self) -> InitStream {
        self.reader.into_inner().unsplit(self.writer.into_inner())
    }
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
