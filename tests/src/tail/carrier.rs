//! The transports of a tail, each as the same stream of words.

use anyhow::Context as _;
use futures::stream::{BoxStream, unfold};
use futures::{StreamExt as _, future};
use tokio_tungstenite::tungstenite::Message;

use super::place::Place;

/// How events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Server-sent events; the place to go on from is `Last-Event-ID`.
    Sse,
    /// A WebSocket; the place is `after`.
    WebSocket,
}

/// What a server says in a tail.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The event of this sequence.
    Event(u64),
    /// Why it ends.
    Goodbye(String),
}

pub(super) type Words = BoxStream<'static, anyhow::Result<Said>>;

impl Carrier {
    /// Opens a tail of all that comes after `after`; nothing of it is read yet.
    pub(super) async fn open(self, place: &Place, after: u64) -> anyhow::Result<Words> {
        match self {
            Self::Sse => server_sent(place, after).await,
            Self::WebSocket => frames(place, after).await,
        }
    }
}

async fn server_sent(place: &Place, after: u64) -> anyhow::Result<Words> {
    let request = place
        .get("/api/v1/events")
        .header("accept", "text/event-stream")
        .header("last-event-id", after);
    let bytes = request.send().await?.error_for_status()?.bytes_stream();
    let words = unfold(
        (bytes, Blocks::default()),
        |(mut bytes, mut blocks)| async {
            loop {
                if let Some(said) = blocks.next() {
                    return Some((said, (bytes, blocks)));
                }
                match bytes.next().await? {
                    Ok(more) => blocks.extend(&more),
                    Err(error) => return Some((Err(error.into()), (bytes, blocks))),
                }
            }
        },
    );
    Ok(words.boxed())
}

/// Bytes of server-sent events, of which the last may not be whole.
#[derive(Debug, Default)]
struct Blocks {
    bytes: Vec<u8>,
    taken: usize,
    looked_at: usize,
}

impl Blocks {
    fn extend(&mut self, more: &[u8]) {
        self.bytes.drain(..self.taken);
        self.looked_at -= self.taken;
        self.taken = 0;
        self.bytes.extend(more);
    }

    /// The next that says something.
    fn next(&mut self) -> Option<anyhow::Result<Said>> {
        loop {
            // An end may have come by halves.
            let from = self.looked_at.saturating_sub(1).max(self.taken);
            let rest = &self.bytes[from..];
            let Some(end) = rest.windows(2).position(|pair| pair == b"\n\n") else {
                self.looked_at = self.bytes.len();
                return None;
            };
            let block = &self.bytes[self.taken..from + end];
            let said = said_in(block);
            self.taken = from + end + 2;
            self.looked_at = self.taken;
            if let Some(said) = said.transpose() {
                return Some(said);
            }
        }
    }
}

/// What a block says; `None`: a sign of life, or that history is through.
fn said_in(block: &[u8]) -> anyhow::Result<Option<Said>> {
    let field = |name: &[u8]| {
        let mut lines = block.split(|byte| *byte == b'\n');
        lines.find_map(|line| line.strip_prefix(name))
    };
    if let Some(id) = field(b"id: ") {
        return Ok(Some(Said::Event(std::str::from_utf8(id)?.parse()?)));
    }
    let closed = field(b"event: ") == Some(b"closed");
    let data = String::from_utf8_lossy(field(b"data: ").unwrap_or_default());
    Ok(closed.then(|| Said::Goodbye(data.into_owned())))
}

async fn frames(place: &Place, after: u64) -> anyhow::Result<Words> {
    let path = format!("/api/v1/events/ws?after={after}");
    let request = place.door.request(&path, &[], &[])?;
    let connection = place.connect().await?;
    let (socket, _) = tokio_tungstenite::client_async(request, connection).await?;
    let words = socket.filter_map(|message| {
        future::ready(match message {
            Ok(Message::Text(text)) => Some(sequence_of(&text).map(Said::Event)),
            Ok(Message::Close(frame)) => {
                let reason =
                    frame.map(|frame| format!("{}: {}", u16::from(frame.code), frame.reason));
                Some(Ok(Said::Goodbye(reason.unwrap_or_default())))
            }
            Ok(_) => None,
            Err(error) => Some(Err(error.into())),
        })
    });
    Ok(words.boxed())
}

/// The sequence an event's frame begins with: a thousand tails are read faster so than as JSON.
fn sequence_of(text: &str) -> anyhow::Result<u64> {
    let number = text.strip_prefix("{\"sequence\":");
    let number = number
        .and_then(|rest| rest.split_once(','))
        .map(|(number, _)| number);
    let number = number.with_context(|| format!("no event begins so: {text:.60}"))?;
    Ok(number.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_wherever_the_bytes_were_parted() {
        let text = b":\n\nevent: a\nid: 7\ndata: {}\n\nevent: caught_up\ndata: {}\n\n\
            event: closed\ndata: {\"reason\":\"too slow\"}\n\nevent: b\nid: 8\nda";
        for parted in 0..text.len() {
            let (mut blocks, mut said) = (Blocks::default(), Vec::new());
            for part in [&text[..parted], &text[parted..]] {
                blocks.extend(part);
                while let Some(next) = blocks.next() {
                    said.push(next.expect("it is well formed"));
                }
            }
            let goodbye = Said::Goodbye("{\"reason\":\"too slow\"}".into());
            assert_eq!(said, [Said::Event(7), goodbye], "parted at {parted}");
        }
    }
}
