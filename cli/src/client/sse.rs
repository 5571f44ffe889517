//! Server-sent events, cut out of a stream of bytes (WHATWG HTML, section 9.2).

/// One event of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Frame {
    /// The id, for us the sequence of the event in the log.
    pub(crate) id: Option<String>,
    /// The name; empty when the server gave none.
    pub(crate) event: String,
    /// The data, its lines joined.
    pub(crate) data: String,
}

/// Cuts frames out of bytes that come in pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    after_return: bool,
    frame: Frame,
    has_data: bool,
}

impl Parser {
    /// The frames that `bytes` complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for &byte in bytes {
            let second_half = byte == b'\n' && self.after_return;
            self.after_return = byte == b'\r';
            match byte {
                b'\n' if second_half => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    frames.extend(self.end_line(&String::from_utf8_lossy(&line)));
                }
                _ => self.line.push(byte),
            }
        }
        frames
    }

    fn end_line(&mut self, line: &str) -> Option<Frame> {
        if line.is_empty() {
            let frame = std::mem::take(&mut self.frame);
            let complete = std::mem::take(&mut self.has_data) || !frame.event.is_empty();
            return complete.then_some(frame);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.frame.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.frame.event),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.frame.data.push('\n');
                }
                self.frame.data.push_str(value);
            }
            // A line that starts with a colon is the heartbeat; other fields mean nothing to us.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": heartbeat\n\nid: 7\nevent: nexus.workspace.ready.v1\ndata: {\"a\":1}\n\n\
        event:caught_up\ndata:\n\nid: 8\r\ndata: one\r\ndata: two\r\n\r\nid: 9\ndata: unfinished";

    #[test]
    fn frames_are_the_same_however_the_bytes_are_cut() {
        let whole = Parser::default().push(STREAM.as_bytes());
        for size in 1..STREAM.len() {
            let mut parser = Parser::default();
            let frames: Vec<Frame> = STREAM
                .as_bytes()
                .chunks(size)
                .flat_map(|piece| parser.push(piece))
                .collect();
            assert_eq!(frames, whole, "pieces of {size}");
        }
        let frame = |id: Option<&str>, event: &str, data: &str| Frame {
            id: id.map(Into::into),
            event: event.into(),
            data: data.into(),
        };
        assert_eq!(
            whole,
            [
                frame(Some("7"), "nexus.workspace.ready.v1", "{\"a\":1}"),
                frame(None, "caught_up", ""),
                frame(Some("8"), "", "one\ntwo"),
            ]
        );
    }
}
