//! Descriptors that change hands: an accepted connection in, a connected socket out.

use std::os::fd::{AsFd, OwnedFd};

use tokio::net::UnixStream;

use super::connection::{Connection, expect_answer};
use super::{Client, done, unexpected};
use crate::answer::Answer;
use crate::descriptor;
use crate::error::ClientError;
use crate::frame::{FrameReader, FrameWriter};
use crate::reach::InitStream;
use crate::request::{DialTarget, HandOver, Request};

impl Client {
    /// Gives an accepted connection to init for good: what comes of it depends on nobody here. Bytes
    /// not read yet come along. Only over a unix socket, else [`ClientError::NotShared`] before
    /// anything was sent.
    pub async fn hand_over(&self, target: &HandOver, socket: OwnedFd) -> Result<(), ClientError> {
        const ATTEMPTED: &str = "handing over a connection";
        let stream = self.share(ATTEMPTED, &Request::HandOver(*target)).await?;
        let sent = descriptor::send(&stream, socket.as_fd()).await;
        sent.map_err(|source| ClientError::Descriptor {
            attempted: ATTEMPTED,
            source,
        })?;
        drop(socket);
        let attempted = ATTEMPTED;
        let frame = FrameReader::new(stream).next().await?;
        let frame = frame.ok_or(ClientError::Ended { attempted })?;
        done(attempted, serde_json::from_slice(&frame.payload)?)
    }

    /// A socket connected to something that listens inside, to be used from here. Only over a unix
    /// socket, else [`ClientError::NotShared`].
    pub async fn dial_socket(&self, target: &DialTarget) -> Result<OwnedFd, ClientError> {
        const ATTEMPTED: &str = "asking for a connected socket";
        let request = Request::DialSocket(target.clone());
        let mut reader = FrameReader::new(self.share(ATTEMPTED, &request).await?);
        let attempted = ATTEMPTED;
        let frame = reader.next().await?;
        let frame = frame.ok_or(ClientError::Ended { attempted })?;
        match expect_answer(ATTEMPTED, serde_json::from_slice(&frame.payload)?)? {
            Answer::Connected => {}
            other => return Err(unexpected(ATTEMPTED, &other)),
        }
        let received = descriptor::receive(&reader.into_inner()).await;
        received.map_err(|source| ClientError::Descriptor {
            attempted: ATTEMPTED,
            source,
        })
    }

    /// Sends a request over a stream that can carry descriptors.
    async fn share(
        &self,
        attempted: &'static str,
        request: &Request,
    ) -> Result<UnixStream, ClientError> {
        let connection = Connection::open(&*self.reach).await?;
        connection.needs_sharing(attempted)?;
        let stream = match connection.into_stream() {
            InitStream::Unix(stream) => stream,
            InitStream::Other(_) => return Err(ClientError::NotShared { attempted }),
        };
        let mut writer = FrameWriter::new(stream);
        writer.control(request).await?;
        Ok(writer.into_inner())
    }
}
