//! A stream at one of its ends: both directions, what is owed to the peer, and the timers.
//!
//! Pure: told what came and what time it is, it says what to send next. Every frame carries how
//! both directions stand, so one that is lost is made good by any later one.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::SILENCE;
use super::frame::{Flow, Frame, Word};
use super::incoming::Incoming;
use super::outgoing::{Outgoing, Piece};
use super::wire::Letter;

/// Received bytes are acknowledged within this, in case no other frame does it by the way.
const TELL_WITHIN: Duration = Duration::from_millis(50);
/// Bytes not acknowledged within this are asked after.
const LATE: Duration = Duration::from_secs(2);
/// A peer not heard for so long is asked for a sign of life.
const QUIET: Duration = Duration::from_secs(10);
/// How long a stream outlives a connection to NATS that is not made again.
const CUT_OFF: Duration = Duration::from_secs(120);
/// A peer that does not hear at all for so long is not about to reconnect.
const ABSENCE: Duration = Duration::from_secs(5);
/// How long what was written is still delivered for somebody who is gone.
const LINGER: Duration = Duration::from_secs(10);

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Publish this.
    Send(Letter),
    /// Nothing, until this moment or until something comes.
    Wait(Instant),
    /// The stream is over and the peer knows as much as it ever will.
    Done,
}

/// How the connection to NATS is, and since when.
#[derive(Debug, Clone, Copy)]
enum Connection {
    Up(Instant),
    Down(Instant),
}

/// Why a stream is over, before both directions have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Over {
    /// The peer said so, with a reason.
    ByPeer(String),
    /// We do, and the peer is still to be told.
    ToTell(String),
    /// The same, told.
    Told(String),
}

#[derive(Debug, Default)]
struct Owed {
    tell: bool,
    ask: bool,
    again: bool,
}

#[derive(Debug)]
pub(super) struct State {
    outgoing: Outgoing,
    incoming: Incoming,
    /// Whether both sides know of the stream.
    accepted: bool,
    over: Option<Over>,
    /// When the handle was dropped.
    dropped: Option<Instant>,
    owed: Owed,
    connection: Connection,
    heard_at: Instant,
    /// When something was acknowledged last, or first became to be.
    progress_at: Instant,
    asked_at: Option<Instant>,
    tell_at: Option<Instant>,
    absent_at: Option<Instant>,
}

impl State {
    /// With a window for each direction, and the peer's credit as far as it is known.
    pub(super) fn new(window: usize, limit: u64, now: Instant) -> Self {
        Self {
            outgoing: Outgoing::new(window, limit),
            incoming: Incoming::new(window),
            accepted: false,
            over: None,
            dropped: None,
            owed: Owed::default(),
            connection: Connection::Up(now),
            heard_at: now,
            progress_at: now,
            asked_at: None,
            tell_at: None,
            absent_at: None,
        }
    }

    /// A frame came. Gives what changed for whoever reads or writes here.
    pub(super) fn receive(&mut self, flow: &Flow, now: Instant) -> Changed {
        self.accepted = true;
        self.heard_at = now;
        self.absent_at = None;
        let readable = self.incoming.is_empty();
        let again = flow.word == Word::Again;
        let kept = self.outgoing.heard(flow.received, flow.limit, again);
        let taken = match flow.word {
            Word::Data => self.incoming.data(flow.at, &flow.bytes),
            Word::End => {
                self.incoming.end(flow.at);
                Ok(())
            }
            Word::Tell | Word::Ask | Word::Again => Ok(()),
        };
        let (Ok(progress), Ok(())) = (kept, taken) else {
            self.end_with("the other side broke the rules of the relay");
            return Changed::ALL;
        };
        if progress {
            self.progress_at = now;
        }
        let asked = flow.word == Word::Ask;
        self.owed.again |= self.incoming.notices_loss(flow.at, asked);
        self.owed.tell |= asked;
        if self.incoming.owes_acknowledgement() && self.tell_at.is_none() {
            self.tell_at = Some(now + TELL_WITHIN);
        }
        Changed {
            reader: readable && (!self.incoming.is_empty() || self.incoming.has_ended()),
            writer: progress,
        }
    }

    /// The peer ended the stream.
    pub(super) fn ended_by_peer(&mut self, reason: String) {
        if self.over.is_none() {
            self.over = Some(Over::ByPeer(reason));
        }
    }

    /// Ends the stream from here; the peer will be told why.
    pub(super) fn end_with(&mut self, reason: &str) {
        if self.over.is_none() {
            self.over = Some(Over::ToTell(reason.to_owned()));
        }
    }

    /// The handle is gone.
    pub(super) fn drop_handle(&mut self, now: Instant) {
        self.dropped.get_or_insert(now);
    }

    /// The peer asked for the stream and is to be told that it is open.
    pub(super) const fn accept(&mut self) {
        self.accepted = true;
        self.owed.tell = true;
    }

    /// Nobody heard what was asked; that may be a moment between two connections.
    pub(super) fn unheard(&mut self, now: Instant) {
        let since = *self.absent_at.get_or_insert(now);
        if now >= since + ABSENCE {
            self.end_with("the other side is gone");
        }
    }

    /// The connection to NATS went or came; what was under way then may be lost.
    pub(super) const fn connection(&mut self, up: bool, now: Instant) {
        match (up, self.connection) {
            (true, _) => {
                self.connection = Connection::Up(now);
                self.owed.ask = true;
            }
            (false, Connection::Up(_)) => self.connection = Connection::Down(now),
            (false, Connection::Down(_)) => {}
        }
    }

    /// Why the stream is over.
    pub(super) fn reason(&self) -> Option<&str> {
        match self.over.as_ref()? {
            Over::ByPeer(reason) | Over::ToTell(reason) | Over::Told(reason) => Some(reason),
        }
    }

    pub(super) const fn incoming(&mut self) -> &mut Incoming {
        &mut self.incoming
    }

    pub(super) const fn outgoing(&mut self) -> &mut Outgoing {
        &mut self.outgoing
    }

    /// What to do next.
    pub(super) fn step(&mut self, now: Instant) -> Step {
        if self.over.is_none() && now >= self.dead_at() {
            self.end_with("the other side went silent");
        }
        if let Some(step) = self.step_when_over() {
            return step;
        }
        if !self.may_send() {
            return Step::Wait(self.dead_at());
        }
        let sent = self.step_owed().or_else(|| self.step_data(now));
        if let Some(step) = sent {
            return step;
        }
        if let Some(step) = self.step_when_dropped(now) {
            return step;
        }
        let tell_now = self.tell_at.is_some_and(|at| now >= at);
        if self.owed.tell || tell_now || self.incoming.must_tell() {
            return self.tell(Word::Tell);
        }
        if now >= self.ask_at() {
            self.asked_at = Some(now);
            return self.tell(Word::Ask);
        }
        Step::Wait(self.wake_at())
    }

    /// When [`Self::step`] has something to do next; not after the moment it would tell itself.
    pub(super) fn due(&self, now: Instant) -> Instant {
        if self.over.is_some() {
            return now;
        }
        if !self.may_send() {
            return self.dead_at();
        }
        let owes = self.owed.tell || self.owed.ask || self.owed.again || self.incoming.must_tell();
        if owes || self.outgoing.has_next() || self.dropped.is_some() {
            return now;
        }
        self.wake_at()
    }

    /// Whether anything can be sent, and the peer knows of the stream; to whom a dropped stream's
    /// end is told in any case.
    const fn may_send(&self) -> bool {
        matches!(self.connection, Connection::Up(_)) && (self.accepted || self.dropped.is_some())
    }

    fn step_when_over(&mut self) -> Option<Step> {
        match self.over.take()? {
            Over::ToTell(reason) => {
                self.over = Some(Over::Told(reason.clone()));
                let payload = Frame::Reset { reason }.encode();
                Some(Step::Send(Letter {
                    payload,
                    asks: false,
                }))
            }
            over @ (Over::ByPeer(_) | Over::Told(_)) => {
                self.over = Some(over);
                Some(Step::Done)
            }
        }
    }

    fn step_owed(&mut self) -> Option<Step> {
        if self.owed.again {
            return Some(self.tell(Word::Again));
        }
        self.owed.ask.then(|| self.tell(Word::Ask))
    }

    fn step_data(&mut self, now: Instant) -> Option<Step> {
        let was_open = self.outgoing.is_open();
        let told = self.incoming.now();
        let flow = |word, at| Flow {
            word,
            received: told.received,
            limit: told.limit,
            at,
            bytes: Bytes::new(),
        };
        let payload = match self.outgoing.next()? {
            Piece::Data { at, first, second } => flow(Word::Data, at).encode(first, second),
            Piece::End { at } => flow(Word::End, at).encode(&[], &[]),
        };
        if !was_open {
            self.progress_at = now;
        }
        self.incoming.tell();
        self.tell_at = None;
        self.owed.tell = false;
        Some(Step::Send(Letter {
            payload,
            asks: false,
        }))
    }

    /// Nobody writes any more: what was written is delivered, then the peer is told.
    fn step_when_dropped(&mut self, now: Instant) -> Option<Step> {
        let dropped = self.dropped?;
        let delivered = self.outgoing.is_done();
        let lingers = self.outgoing.has_ended() && !delivered && now < dropped + LINGER;
        if lingers {
            return None;
        }
        if delivered && self.incoming.has_ended() {
            let owes = self.owed.tell || self.incoming.owes_acknowledgement();
            return Some(if owes {
                self.tell(Word::Tell)
            } else {
                Step::Done
            });
        }
        self.end_with("nobody is there any more");
        self.step_when_over()
    }

    /// A frame without bytes.
    fn tell(&mut self, word: Word) -> Step {
        let told = self.incoming.tell();
        self.tell_at = None;
        self.owed.tell = false;
        match word {
            Word::Ask => self.owed.ask = false,
            Word::Again => self.owed.again = false,
            Word::Data | Word::End | Word::Tell => {}
        }
        let flow = Flow {
            word,
            received: told.received,
            limit: told.limit,
            at: self.outgoing.sent(),
            bytes: Bytes::new(),
        };
        Step::Send(Letter {
            payload: flow.encode(&[], &[]),
            asks: word == Word::Ask,
        })
    }

    fn dead_at(&self) -> Instant {
        match self.connection {
            Connection::Up(since) => self.heard_at.max(since) + SILENCE,
            Connection::Down(since) => since + CUT_OFF,
        }
    }

    fn ask_at(&self) -> Instant {
        let quiet = self.heard_at + QUIET;
        let due = if self.outgoing.is_open() {
            quiet.min(self.progress_at + LATE)
        } else {
            quiet
        };
        self.asked_at.map_or(due, |asked| due.max(asked + LATE))
    }

    fn wake_at(&self) -> Instant {
        let linger = self.dropped.map(|dropped| dropped + LINGER);
        [self.tell_at, linger]
            .into_iter()
            .flatten()
            .fold(self.dead_at().min(self.ask_at()), Instant::min)
    }
}

/// What a frame changed for whoever uses the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Changed {
    /// There is something to read.
    pub(super) reader: bool,
    /// There is room to write.
    pub(super) writer: bool,
}

impl Changed {
    pub(super) const ALL: Self = Self {
        reader: true,
        writer: true,
    };
    pub(super) const NOTHING: Self = Self {
        reader: false,
        writer: false,
    };
}

impl From<()> for Changed {
    fn from((): ()) -> Self {
        Self::NOTHING
    }
}

#[cfg(test)]
mod tests;
