//! One direction, at its receiver: what came in order and was not read yet.

use std::collections::VecDeque;

use super::outgoing::Violation;

#[derive(Debug)]
pub(super) struct Incoming {
    ready: VecDeque<u8>,
    /// The number expected next; one more once the end has come.
    received: u64,
    ended: bool,
    window: u64,
    /// A loss was told and not made good yet.
    told_loss: bool,
    /// What the peer was told last.
    told: Told,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) received: u64,
    pub(super) limit: u64,
}

impl Incoming {
    /// Holding at most `window` bytes, which the peer knows or will be told.
    pub(super) const fn new(window: usize) -> Self {
        let window = window as u64;
        Self {
            ready: VecDeque::new(),
            received: 0,
            ended: false,
            window,
            told_loss: false,
            told: Told {
                received: 0,
                limit: window,
            },
        }
    }

    /// Takes bytes numbered from `at`; what is known already, or after a hole, is let go.
    pub(super) fn data(&mut self, at: u64, bytes: &[u8]) -> Result<(), Violation> {
        let end = at.checked_add(bytes.len() as u64).ok_or(Violation)?;
        if at > self.received || end <= self.received || self.ended {
            return Ok(());
        }
        if end > self.told.limit {
            return Err(Violation);
        }
        let known = usize::try_from(self.received - at).map_err(|_| Violation)?;
        self.ready.extend(&bytes[known..]);
        self.received = end;
        self.told_loss = false;
        Ok(())
    }

    /// The peer says that no byte follows the one before `at`.
    pub(super) const fn end(&mut self, at: u64) {
        if at == self.received && !self.ended {
            self.ended = true;
            self.received += 1;
            self.told_loss = false;
        }
    }

    /// Whether the peer, having sent up to `sent`, must be told of a loss; once for each.
    pub(super) const fn notices_loss(&mut self, sent: u64, asked: bool) -> bool {
        let lost = sent > self.received;
        let tell = lost && (asked || !self.told_loss);
        self.told_loss |= lost;
        tell
    }

    /// Moves bytes out, as many as are there.
    pub(super) fn read(&mut self, buffer: &mut tokio::io::ReadBuf<'_>) -> usize {
        let before = buffer.filled().len();
        while buffer.remaining() > 0 {
            let (front, _) = self.ready.as_slices();
            let take = front.len().min(buffer.remaining());
            if take == 0 {
                break;
            }
            buffer.put_slice(&front[..take]);
            self.ready.drain(..take);
        }
        if self.ready.is_empty() {
            // An idle stream holds no memory.
            self.ready = VecDeque::new();
        }
        buffer.filled().len() - before
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether more was received than the peer knows of.
    pub(super) const fn owes_acknowledgement(&self) -> bool {
        self.received > self.told.received
    }

    /// Whether the peer should be told at once: it may be waiting for credit. That bytes came is told
    /// by the way; whoever has credit for more has room to keep it, too.
    pub(super) fn must_tell(&self) -> bool {
        self.now().limit - self.told.limit >= self.window / 2
    }

    /// How things stand, taken down as told.
    pub(super) fn tell(&mut self) -> Told {
        self.told = self.now();
        self.told
    }

    /// How things stand.
    pub(super) fn now(&self) -> Told {
        let end = u64::from(self.ended);
        let consumed = self.received - end - self.ready.len() as u64;
        Told {
            received: self.received,
            limit: consumed + self.window,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::ReadBuf;

    use super::*;

    fn read(incoming: &mut Incoming, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; most];
        let mut buffer = ReadBuf::new(&mut bytes);
        incoming.read(&mut buffer);
        buffer.filled().to_vec()
    }

    #[test]
    fn bytes_come_once_and_in_order() {
        let mut incoming = Incoming::new(16);
        incoming.data(0, b"abc").unwrap();
        incoming.data(0, b"abc").unwrap();
        incoming.data(1, b"bcde").unwrap();
        incoming.data(9, b"later").unwrap();
        assert_eq!(read(&mut incoming, 4), b"abcd");
        assert_eq!(read(&mut incoming, 4), b"e");
        incoming.end(9);
        assert!(!incoming.has_ended(), "an end after a hole is none");
        incoming.end(5);
        assert!(incoming.has_ended());
        assert_eq!(
            incoming.tell(),
            Told {
                received: 6,
                limit: 21
            }
        );
    }

    #[test]
    fn a_loss_is_told_once_until_asked() {
        let mut incoming = Incoming::new(16);
        assert!(incoming.notices_loss(3, false));
        assert!(!incoming.notices_loss(6, false));
        assert!(incoming.notices_loss(6, true));
        incoming.data(0, b"abcdef").unwrap();
        assert!(!incoming.notices_loss(6, true));
        assert!(incoming.notices_loss(7, false), "another one is news");
    }

    #[test]
    fn more_than_was_promised_is_a_violation() {
        let mut incoming = Incoming::new(4);
        assert_eq!(incoming.data(0, b"abcde"), Err(Violation));
        incoming.data(0, b"abcd").unwrap();
        assert_eq!(read(&mut incoming, 4), b"abcd");
        assert_eq!(
            incoming.data(4, b"e"),
            Err(Violation),
            "it was not told yet"
        );
        assert!(incoming.must_tell());
        assert_eq!(incoming.tell().limit, 8);
        incoming.data(4, b"e").unwrap();
    }
}
