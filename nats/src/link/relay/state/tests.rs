//! Two ends of a stream, with a wire between them that loses what is under way, and a clock that
//! only the test moves.

use std::collections::VecDeque;

use proptest::prelude::*;
use tokio::io::ReadBuf;

use super::*;
use crate::link::relay::frame::Frame;

const WINDOW: usize = 256;

/// One end, what was written and read there, and what is on its way to the other.
struct End {
    state: State,
    written: Vec<u8>,
    read: Vec<u8>,
    sent: VecDeque<Frame>,
}

impl End {
    fn new(now: Instant) -> Self {
        let mut state = State::new(WINDOW, WINDOW as u64, now);
        state.accept();
        Self {
            state,
            written: Vec::new(),
            read: Vec::new(),
            sent: VecDeque::new(),
        }
    }

    fn write(&mut self, many: usize) {
        let next = self.written.len();
        let bytes: Vec<u8> = (next..next + many).map(|index| (index * 7) as u8).collect();
        let taken = self.state.outgoing().push(&bytes);
        self.written.extend(&bytes[..taken]);
    }

    fn read(&mut self, most: usize) {
        let mut bytes = vec![0; most];
        let mut buffer = ReadBuf::new(&mut bytes);
        self.state.incoming().read(&mut buffer);
        self.read.extend(buffer.filled());
    }

    /// Sends until there is nothing to send; gives when there will be. Whoever was told when there
    /// is something to do is never told too late.
    fn pump(&mut self, now: Instant) -> Option<Instant> {
        loop {
            let due = self.state.due(now);
            match self.state.step(now) {
                Step::Send(Letter { payload, .. }) => {
                    assert!(due <= now, "{due:?} is after {now:?}");
                    self.sent.push_back(Frame::decode(&payload).unwrap());
                }
                Step::Wait(until) => {
                    assert!(due <= until, "{due:?} is after {until:?}");
                    return Some(until);
                }
                Step::Done => {
                    assert!(due <= now, "{due:?} is after {now:?}");
                    return None;
                }
            }
        }
    }

    fn hear(&mut self, frame: Frame, now: Instant) {
        match frame {
            Frame::Flow(flow) => {
                self.state.receive(&flow, now);
            }
            Frame::Reset { reason } => self.state.ended_by_peer(reason),
            Frame::Open { .. } | Frame::Foreign => panic!("{frame:?} between open ends"),
        }
    }
}

struct Wire {
    now: Instant,
    ends: [End; 2],
}

impl Wire {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            now,
            ends: [End::new(now), End::new(now)],
        }
    }

    /// Brings at most `most` frames of each end to the other.
    fn deliver(&mut self, most: usize) {
        for from in [0, 1] {
            self.ends[from].pump(self.now);
            for _ in 0..most {
                let Some(frame) = self.ends[from].sent.pop_front() else {
                    break;
                };
                let now = self.now;
                self.ends[1 - from].hear(frame, now);
            }
        }
    }

    /// The connection of one end breaks: everything under way is lost, and only it knows.
    fn cut(&mut self, end: usize) {
        self.ends.iter_mut().for_each(|end| end.sent.clear());
        self.ends[end].state.connection(false, self.now);
        self.ends[end].state.connection(true, self.now);
    }

    fn advance(&mut self, by: Duration) {
        self.now += by;
    }

    /// Delivers and reads until nothing is left to do.
    fn settle(&mut self) {
        for _ in 0..200 {
            self.deliver(usize::MAX);
            self.ends.iter_mut().for_each(|end| end.read(4 * WINDOW));
            self.advance(Duration::from_millis(500));
        }
    }
}

#[derive(Debug, Clone)]
enum Act {
    Write(usize, usize),
    Read(usize, usize),
    Deliver(usize),
    Cut(usize),
    Lose(usize),
    Advance(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..2_usize, 1..300_usize).prop_map(|(end, many)| Act::Write(end, many)),
        4 => (0..2_usize, 1..300_usize).prop_map(|(end, many)| Act::Read(end, many)),
        4 => (0..9_usize).prop_map(Act::Deliver),
        1 => (0..2_usize).prop_map(Act::Cut),
        1 => (0..2_usize).prop_map(Act::Lose),
        2 => (0..400_u64).prop_map(Act::Advance),
    ]
}

proptest! {
    #[test]
    fn every_byte_comes_once_and_in_order(acts in proptest::collection::vec(act(), 0..120)) {
        let mut wire = Wire::new();
        for act in acts {
            match act {
                Act::Write(end, many) => wire.ends[end].write(many),
                Act::Read(end, most) => wire.ends[end].read(most),
                Act::Deliver(most) => wire.deliver(most),
                Act::Cut(end) => wire.cut(end),
                // Lost without anybody being told, as by a server that gave up on a slow client.
                Act::Lose(end) => wire.ends[end].sent.clear(),
                Act::Advance(ms) => wire.advance(Duration::from_millis(ms)),
            }
            for end in &mut wire.ends {
                prop_assert_eq!(end.state.reason(), None);
            }
        }
        wire.ends.iter_mut().for_each(|end| end.state.outgoing().end());
        wire.settle();
        let [one, other] = &mut wire.ends;
        prop_assert_eq!(one.state.reason(), None);
        prop_assert!(one.read == other.written && other.read == one.written);
        prop_assert!(one.state.incoming().has_ended() && other.state.incoming().has_ended());
        prop_assert!(one.state.outgoing().is_done() && other.state.outgoing().is_done());
    }
}

#[test]
fn a_silent_peer_is_asked_and_then_given_up() {
    let mut wire = Wire::new();
    wire.deliver(9);
    wire.deliver(9);
    let begun = wire.now;
    loop {
        wire.ends[0].sent.clear();
        match wire.ends[0].pump(wire.now) {
            Some(until) => wire.now = until,
            None => break,
        }
    }
    let silence = wire.now - begun;
    assert!(silence <= SILENCE + LATE, "{silence:?}");
    assert_eq!(
        wire.ends[0].state.reason(),
        Some("the other side went silent")
    );
    let told = Frame::Reset {
        reason: "the other side went silent".into(),
    };
    assert_eq!(
        wire.ends[0].sent.pop_back(),
        Some(told),
        "in case it hears after all"
    );
}

#[test]
fn a_connection_that_stays_away_ends_the_stream_in_the_end_only() {
    let mut wire = Wire::new();
    wire.ends[0].state.connection(false, wire.now);
    wire.ends[0].write(10);
    wire.advance(SILENCE * 2);
    assert!(wire.ends[0].pump(wire.now).is_some(), "it may come back");
    assert!(
        wire.ends[0].sent.is_empty(),
        "nothing is sent into the void"
    );
    wire.advance(CUT_OFF);
    assert_eq!(wire.ends[0].pump(wire.now), None);
}

#[test]
fn a_peer_that_does_not_hear_is_gone_after_a_while() {
    let mut wire = Wire::new();
    wire.ends[0].state.unheard(wire.now);
    wire.advance(ABSENCE / 2);
    wire.ends[0].state.unheard(wire.now);
    assert_eq!(wire.ends[0].state.reason(), None, "it may be reconnecting");
    wire.ends[1].write(1);
    wire.deliver(9);
    wire.ends[0].state.unheard(wire.now);
    wire.advance(ABSENCE);
    wire.ends[0].state.unheard(wire.now);
    assert_eq!(wire.ends[0].state.reason(), Some("the other side is gone"));
}

#[test]
fn what_was_written_is_delivered_for_one_who_left() {
    let mut wire = Wire::new();
    wire.ends[0].write(2 * WINDOW);
    wire.ends[0].state.outgoing().end();
    wire.ends[0].state.drop_handle(wire.now);
    wire.settle();
    assert_eq!(wire.ends[1].read.len(), WINDOW);
    assert!(wire.ends[1].state.incoming().has_ended());
    assert_eq!(
        wire.ends[1].state.reason(),
        Some("nobody is there any more")
    );
}

#[test]
fn one_who_left_waits_for_a_stalled_reader_only_so_long() {
    let mut wire = Wire::new();
    for _ in 0..3 {
        wire.ends[0].write(WINDOW);
        wire.deliver(9);
    }
    wire.ends[0].state.outgoing().end();
    wire.ends[0].state.drop_handle(wire.now);
    assert!(wire.ends[0].pump(wire.now).is_some());
    wire.advance(LINGER);
    assert_eq!(wire.ends[0].pump(wire.now), None);
}
