//! The one framing of the protocol: kind, length, payload, bounded in size.
//!
//! The reader never takes more bytes from the stream than the frame it is reading, so a connection
//! can be handed over as a raw byte stream right after any frame.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Largest payload of one frame in bytes; a longer one ends the connection.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// Largest piece of a byte stream put into one data frame.
pub const DATA_CHUNK: usize = 32 << 10;

const HEADER: usize = 5;
const OFFSET: usize = 8;

/// What the payload of a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// A JSON message.
    Control,
    /// Bytes towards a process, a terminal or a file.
    Input,
    /// Bytes of standard output, of a terminal or of a file.
    Output,
    /// Bytes of standard error.
    ErrorOutput,
}

impl FrameKind {
    const fn code(self) -> u8 {
        match self {
            Self::Control => 1,
            Self::Input => 2,
            Self::Output => 3,
            Self::ErrorOutput => 4,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Control),
            2 => Some(Self::Input),
            3 => Some(Self::Output),
            4 => Some(Self::ErrorOutput),
            _ => None,
        }
    }
}

/// One message as it stands on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// How to read the payload.
    pub kind: FrameKind,
    /// At most [`MAX_PAYLOAD`] bytes.
    pub payload: Bytes,
}

impl Frame {
    /// Splits a data frame into the offset of its first byte and the bytes.
    pub fn into_data(mut self) -> Result<(u64, Bytes), FrameError> {
        if self.payload.len() < OFFSET {
            return Err(FrameError::NoOffset {
                length: self.payload.len(),
            });
        }
        let offset = self.payload.get_u64();
        Ok((offset, self.payload))
    }
}

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The kind byte is none of ours: the peer does not speak this protocol.
    #[error("unknown frame kind {code}")]
    UnknownKind {
        /// The byte received.
        code: u8,
    },
    /// The announced payload is longer than allowed.
    #[error("a frame of {length} bytes is longer than the limit of {MAX_PAYLOAD}")]
    TooLong {
        /// The length announced or asked for.
        length: usize,
    },
    /// A data frame too short to hold its offset.
    #[error("a data frame of {length} bytes has no offset")]
    NoOffset {
        /// Bytes in the payload.
        length: usize,
    },
    /// The stream ended inside a frame.
    #[error("the connection ended inside a frame")]
    Truncated,
    /// The stream failed.
    #[error("moving a frame over the connection")]
    Io(#[from] std::io::Error),
}

/// Reads frames; dropping a pending [`FrameReader::next`] loses nothing.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    partial: BytesMut,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads frames from `stream`.
    pub fn new(stream: R) -> Self {
        Self {
            stream,
            partial: BytesMut::new(),
        }
    }

    /// The stream back; only between frames, where nothing is held here.
    pub fn into_inner(self) -> R {
        self.stream
    }

    /// The next frame, or none when the peer ended the stream between two frames.
    pub async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        if !self.fill(HEADER).await? {
            return Ok(None);
        }
        let (kind, length) = parse_header(&self.partial)?;
        if !self.fill(HEADER + length).await? {
            return Err(FrameError::Truncated);
        }
        let mut whole = self.partial.split().freeze();
        whole.advance(HEADER);
        Ok(Some(Frame {
            kind,
            payload: whole,
        }))
    }

    async fn fill(&mut self, target: usize) -> Result<bool, FrameError> {
        while self.partial.len() < target {
            let missing = target - self.partial.len();
            self.partial.reserve(missing);
            let mut limited = (&mut self.stream).take(missing as u64);
            if limited.read_buf(&mut self.partial).await? == 0 {
                return match self.partial.is_empty() {
                    true => Ok(false),
                    false => Err(FrameError::Truncated),
                };
            }
        }
        Ok(true)
    }
}

fn parse_header(partial: &[u8]) -> Result<(FrameKind, usize), FrameError> {
    let mut header = &partial[..HEADER];
    let code = header.get_u8();
    let length = header.get_u32() as usize;
    let kind = FrameKind::from_code(code).ok_or(FrameError::UnknownKind { code })?;
    if length > MAX_PAYLOAD {
        return Err(FrameError::TooLong { length });
    }
    Ok((kind, length))
}

/// Writes frames; a write that was begun has to be awaited to its end.
#[derive(Debug)]
pub struct FrameWriter<W> {
    stream: W,
    buffer: BytesMut,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// Writes frames to `stream`.
    pub fn new(stream: W) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// The stream back, every frame written so far being on it.
    pub fn into_inner(self) -> W {
        self.stream
    }

    /// Writes one message as JSON.
    pub async fn control<T: serde::Serialize>(&mut self, message: &T) -> Result<(), FrameError> {
        let payload = serde_json::to_vec(message).map_err(std::io::Error::from)?;
        self.write(FrameKind::Control, &[&payload]).await
    }

    /// Writes bytes in pieces of [`DATA_CHUNK`], the first byte being number `offset` of its stream.
    pub async fn data(
        &mut self,
        kind: FrameKind,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), FrameError> {
        let mut at = offset;
        for piece in bytes.chunks(DATA_CHUNK) {
            self.write(kind, &[&at.to_be_bytes(), piece]).await?;
            at += piece.len() as u64;
        }
        Ok(())
    }

    /// Tells the other end that nothing more comes.
    pub async fn finish(&mut self) -> std::io::Result<()> {
        self.stream.shutdown().await
    }

    async fn write(&mut self, kind: FrameKind, parts: &[&[u8]]) -> Result<(), FrameError> {
        let length = parts.iter().map(|part| part.len()).sum();
        if length > MAX_PAYLOAD {
            return Err(FrameError::TooLong { length });
        }
        self.buffer.clear();
        self.buffer.put_u8(kind.code());
        self.buffer.put_u32(length as u32);
        for part in parts {
            self.buffer.put_slice(part);
        }
        self.stream.write_all(&self.buffer).await?;
        self.stream.flush().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn written(kind: FrameKind, offset: u64, bytes: &[u8]) -> Vec<u8> {
        let mut writer = FrameWriter::new(Vec::new());
        writer.data(kind, offset, bytes).await.unwrap();
        writer.into_inner()
    }

    #[tokio::test]
    async fn frames_come_back_whole_however_the_bytes_arrive() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n * 31 % 251) as u8).collect();
        let wire = written(FrameKind::Output, 7, &bytes).await;
        for step in [1, 2, 3, 5, 8, 1000, 40_000, wire.len()] {
            let (sender, receiver) = tokio::io::duplex(64);
            let wire = wire.clone();
            let sending = tokio::spawn(async move {
                let mut sender = sender;
                for piece in wire.chunks(step) {
                    sender.write_all(piece).await.unwrap();
                }
            });
            let mut reader = FrameReader::new(receiver);
            let mut seen = Vec::new();
            while let Some(frame) = reader.next().await.unwrap() {
                assert_eq!(frame.kind, FrameKind::Output);
                let (offset, data) = frame.into_data().unwrap();
                assert_eq!(offset, 7 + seen.len() as u64);
                seen.extend_from_slice(&data);
            }
            sending.await.unwrap();
            assert_eq!(seen, bytes, "in steps of {step}");
        }
    }

    #[tokio::test]
    async fn bytes_after_a_frame_stay_on_the_stream() {
        let mut wire = written(FrameKind::Input, 0, b"frame").await;
        wire.extend_from_slice(b"raw bytes");
        let mut reader = FrameReader::new(wire.as_slice());
        reader.next().await.unwrap().unwrap();
        assert_eq!(reader.into_inner(), b"raw bytes");
    }

    #[tokio::test]
    async fn a_dropped_read_loses_nothing() {
        let wire = written(FrameKind::Output, 0, b"hello").await;
        let (mut sender, receiver) = tokio::io::duplex(1024);
        let mut reader = FrameReader::new(receiver);
        for byte in wire {
            {
                let pending = reader.next();
                tokio::pin!(pending);
                assert!(futures_poll_once(pending.as_mut()).await.is_none());
            }
            sender.write_all(&[byte]).await.unwrap();
        }
        let (_, data) = reader.next().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(&data[..], b"hello");
    }

    async fn futures_poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match std::pin::Pin::new(&mut future).poll(context) {
                std::task::Poll::Ready(value) => Some(value),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }

    #[tokio::test]
    async fn bad_frames_are_named() {
        let unknown = [9, 0, 0, 0, 0];
        let long = [1, 0xff, 0, 0, 0];
        let short = [1, 0, 0, 0, 4, b'x'];
        assert!(matches!(
            FrameReader::new(&unknown[..]).next().await,
            Err(FrameError::UnknownKind { code: 9 })
        ));
        assert!(matches!(
            FrameReader::new(&long[..]).next().await,
            Err(FrameError::TooLong { .. })
        ));
        assert!(matches!(
            FrameReader::new(&short[..]).next().await,
            Err(FrameError::Truncated)
        ));
        let mut writer = FrameWriter::new(Vec::new());
        let huge = "x".repeat(MAX_PAYLOAD + 1);
        assert!(matches!(
            writer.control(&huge).await,
            Err(FrameError::TooLong { .. })
        ));
    }
}
