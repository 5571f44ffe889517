//! The last bytes a terminal showed, numbered from the first it ever showed.

use std::collections::VecDeque;

/// A bounded window on an endless stream of bytes.
#[derive(Debug)]
pub(super) struct Scrollback {
    limit: usize,
    first: u64,
    bytes: VecDeque<u8>,
}

impl Scrollback {
    /// Keeps at most `limit` bytes; memory grows with what is there.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            first: 0,
            bytes: VecDeque::new(),
        }
    }

    /// Number of the oldest byte kept.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// One past the number of the newest byte.
    pub(super) fn end(&self) -> u64 {
        self.first + self.bytes.len() as u64
    }

    /// Adds bytes, forgetting the oldest beyond the limit.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let surplus = self.bytes.len().saturating_sub(self.limit);
        self.bytes.drain(..surplus);
        self.first += surplus as u64;
    }

    /// Copies up to `limit` bytes from number `from`, or from the oldest kept when that one is gone;
    /// returns the number of the first byte copied.
    pub(super) fn copy(&self, from: u64, limit: usize, into: &mut Vec<u8>) -> u64 {
        let start = from.clamp(self.first, self.end());
        let skip = usize::try_from(start - self.first).unwrap_or(usize::MAX);
        let count = limit.min(self.bytes.len() - skip);
        into.clear();
        into.extend(self.bytes.range(skip..skip + count));
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_keep_their_numbers_while_the_oldest_go() {
        let mut kept = Scrollback::new(5);
        let mut piece = Vec::new();
        kept.push(b"abc");
        assert_eq!(kept.copy(1, 100, &mut piece), 1);
        assert_eq!(piece, b"bc");
        kept.push(b"defg");
        assert_eq!((kept.first(), kept.end()), (2, 7));
        assert_eq!(kept.copy(0, 2, &mut piece), 2, "the first two are gone");
        assert_eq!(piece, b"cd");
        assert_eq!(kept.copy(99, 10, &mut piece), 7, "nothing is there yet");
        assert!(piece.is_empty());
        kept.push(b"0123456789");
        assert_eq!(kept.copy(0, 10, &mut piece), 12);
        assert_eq!(piece, b"56789");
    }
}
