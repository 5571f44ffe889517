//! One direction, at its sender: what is kept until the peer has it.

use std::collections::VecDeque;

use super::frame::DATA;

/// The peer claims what cannot be; the stream is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the other side broke the rules of the relay")]
pub(super) struct Violation;

/// What to send next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// These bytes, in two parts, the first of them number `at`.
    Data {
        at: u64,
        first: &'a [u8],
        second: &'a [u8],
    },
    /// The end.
    End { at: u64 },
}

#[derive(Debug)]
pub(super) struct Outgoing {
    /// From number `acknowledged` on.
    kept: VecDeque<u8>,
    acknowledged: u64,
    /// The number of the next to send.
    next: u64,
    /// The highest `next` there was.
    reached: u64,
    /// The peer has room for numbers below this.
    limit: u64,
    /// The number of the end, once no byte will be added.
    end: Option<u64>,
    room: usize,
}

impl Outgoing {
    /// Keeping at most `room` bytes, with credit up to `limit`.
    pub(super) const fn new(room: usize, limit: u64) -> Self {
        Self {
            kept: VecDeque::new(),
            acknowledged: 0,
            next: 0,
            reached: 0,
            limit,
            end: None,
            room,
        }
    }

    /// Takes what there is room for; 0 when there is none.
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        let fits = bytes.len().min(self.room - self.kept.len());
        self.kept.extend(&bytes[..fits]);
        fits
    }

    pub(super) fn end(&mut self) {
        self.end = Some(self.data_end());
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// How far was sent.
    pub(super) const fn sent(&self) -> u64 {
        self.next
    }

    /// Whether the peer has not acknowledged all that was sent.
    pub(super) const fn is_open(&self) -> bool {
        self.next > self.acknowledged
    }

    /// Whether the peer has everything, the end included.
    pub(super) fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.acknowledged > end)
    }

    /// Whether [`Self::next`] has something.
    pub(super) fn has_next(&self) -> bool {
        let data_end = self.data_end();
        match self.next < data_end {
            true => self.next < self.limit,
            false => self.end == Some(self.next),
        }
    }

    /// The next piece there is credit for; it counts as sent. The end needs no credit.
    pub(super) fn next(&mut self) -> Option<Piece<'_>> {
        let (at, data_end) = (self.next, self.data_end());
        if at < data_end {
            let until = data_end.min(self.limit).min(at + DATA as u64);
            if until <= at {
                return None;
            }
            self.advance(until);
            let from = position(at - self.acknowledged);
            let to = position(until - self.acknowledged);
            let (front, back) = self.kept.as_slices();
            let middle = front.len();
            return Some(Piece::Data {
                at,
                first: &front[from.min(middle)..to.min(middle)],
                second: &back[from.saturating_sub(middle)..to.saturating_sub(middle)],
            });
        }
        if self.end == Some(at) {
            self.advance(at + 1);
            return Some(Piece::End { at });
        }
        None
    }

    /// The peer has received up to `received`, may be sent up to `limit`, and when `again` has
    /// lost what follows. Gives whether anything new was acknowledged.
    pub(super) fn heard(
        &mut self,
        received: u64,
        limit: u64,
        again: bool,
    ) -> Result<bool, Violation> {
        if received > self.reached {
            return Err(Violation);
        }
        // Credit is never taken back, and an old frame is no news.
        self.limit = self.limit.max(limit);
        let progress = received > self.acknowledged;
        if progress {
            let known = received.min(self.data_end()) - self.acknowledged;
            self.kept.drain(..position(known));
            if self.kept.is_empty() {
                // An idle stream holds no memory.
                self.kept = VecDeque::new();
            }
            self.acknowledged = received;
        }
        self.next = self.next.max(self.acknowledged);
        if again {
            self.next = self.acknowledged;
        }
        Ok(progress)
    }

    fn advance(&mut self, next: u64) {
        self.next = next;
        self.reached = self.reached.max(next);
    }

    /// The number after the last byte.
    fn data_end(&self) -> u64 {
        let kept = self.acknowledged + self.kept.len() as u64;
        self.end.unwrap_or(kept)
    }
}

/// Never more than a window, so it fits.
fn position(distance: u64) -> usize {
    usize::try_from(distance).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(outgoing: &mut Outgoing) -> (u64, Vec<u8>) {
        match outgoing.next() {
            Some(Piece::Data { at, first, second }) => (at, [first, second].concat()),
            other => panic!("bytes, not {other:?}"),
        }
    }

    #[test]
    fn bytes_are_sent_as_far_as_there_is_credit() {
        let mut outgoing = Outgoing::new(8, 3);
        assert_eq!(
            outgoing.push(b"0123456789"),
            8,
            "no more than there is room"
        );
        assert_eq!(outgoing.push(b"x"), 0);
        assert_eq!(sent(&mut outgoing), (0, b"012".to_vec()));
        assert_eq!(outgoing.next(), None);
        assert_eq!(outgoing.heard(2, 9, false), Ok(true));
        assert_eq!(outgoing.push(b"89"), 2, "what was acknowledged makes room");
        assert_eq!(sent(&mut outgoing), (3, b"345678".to_vec()));
        assert_eq!(
            outgoing.heard(2, 4, false),
            Ok(false),
            "credit is not taken back"
        );
        assert_eq!(outgoing.next(), None);
    }

    #[test]
    fn what_was_lost_is_sent_again_and_the_end_too() {
        let mut outgoing = Outgoing::new(8, 100);
        outgoing.push(b"abcd");
        assert_eq!(sent(&mut outgoing), (0, b"abcd".to_vec()));
        outgoing.end();
        assert_eq!(outgoing.next(), Some(Piece::End { at: 4 }));
        assert_eq!(outgoing.next(), None);
        assert_eq!(outgoing.heard(1, 100, true), Ok(true));
        assert_eq!(sent(&mut outgoing), (1, b"bcd".to_vec()));
        assert_eq!(outgoing.next(), Some(Piece::End { at: 4 }));
        assert_eq!(outgoing.heard(4, 100, false), Ok(true));
        assert!(!outgoing.is_done());
        assert_eq!(outgoing.heard(5, 100, false), Ok(true));
        assert!(outgoing.is_done());
        assert!(!outgoing.is_open());
        assert_eq!(outgoing.next(), None);
    }

    #[test]
    fn nobody_acknowledges_what_was_never_sent() {
        let mut outgoing = Outgoing::new(8, 100);
        outgoing.push(b"abcd");
        assert_eq!(outgoing.heard(1, 100, false), Err(Violation));
    }
}
