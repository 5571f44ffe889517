//! Whoever types goes first. A terminal that floods keeps a processor busy with the program's writes
//! and the kernel's line discipline; while another terminal of the workspace is typed into, the
//! flood is read so slowly that the one who types does not feel it. Nobody reads that fast anyway.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Bytes a second of a flood while somebody types elsewhere.
const RATE: i64 = 1 << 20;
/// Bytes at once that are no flood yet: a few screens.
const BURST: i64 = 256 << 10;
const MICROS: i64 = 1_000_000;
/// How long somebody counts as typing after a keystroke.
const TYPES_FOR: Duration = Duration::from_secs(1);
/// What a flood may owe at most, in bytes: it has to be paid for once somebody types.
const DEBT: i64 = 16 << 10;

/// Which terminal of a workspace was typed into last, and when.
#[derive(Debug)]
pub(super) struct Typing {
    began: Instant,
    /// In milliseconds after the beginning, counted from 1; 0 while nobody has typed.
    last_ms: AtomicU64,
    last_in: AtomicU64,
}

impl Default for Typing {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            last_ms: AtomicU64::new(0),
            last_in: AtomicU64::new(0),
        }
    }
}

impl Typing {
    fn note(&self, terminal: u64, now: Instant) {
        self.last_in.store(terminal, Relaxed);
        self.last_ms.store(self.milliseconds(now) + 1, Relaxed);
    }

    fn is_elsewhere(&self, terminal: u64, now: Instant) -> bool {
        let last = self.last_ms.load(Relaxed);
        last > 0
            && self.last_in.load(Relaxed) != terminal
            && self.milliseconds(now) < last + TYPES_FOR.as_millis() as u64
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_millis() as u64
    }
}

/// One terminal's part in it.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    terminal: u64,
    typing: Arc<Typing>,
}

impl Turn {
    /// Of the terminal whose leader is `process_id`.
    pub(super) fn of(process_id: u32, typing: Arc<Typing>) -> Self {
        let terminal = process_id.into();
        Self { terminal, typing }
    }

    /// Somebody typed here.
    pub(super) fn typed(&self) {
        self.typing.note(self.terminal, Instant::now());
    }
}

/// What a terminal may still show before it counts as a flood.
#[derive(Debug)]
pub(super) struct Allowance {
    left: i64,
    at: Instant,
}

impl Allowance {
    pub(super) fn new() -> Self {
        Self {
            left: BURST,
            at: Instant::now(),
        }
    }

    /// How long to wait before more is read, `count` bytes having been shown.
    pub(super) fn took(&mut self, count: usize, turn: &Turn) -> Option<Duration> {
        self.took_at(count.try_into().unwrap_or(DEBT), turn, Instant::now())
    }

    fn took_at(&mut self, count: i64, turn: &Turn, now: Instant) -> Option<Duration> {
        let elapsed = now.saturating_duration_since(self.at).as_micros() as i64;
        let gained = elapsed.saturating_mul(RATE) / MICROS;
        if gained > 0 {
            self.at = now;
        }
        self.left = (self.left.saturating_add(gained).min(BURST) - count).max(-DEBT);
        let waits = self.left < 0 && turn.typing.is_elsewhere(turn.terminal, now);
        let micros = self.left.unsigned_abs() * MICROS as u64 / RATE as u64;
        waits.then(|| Duration::from_micros(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns() -> (Turn, Turn) {
        let typing = Arc::new(Typing::default());
        (Turn::of(7, Arc::clone(&typing)), Turn::of(8, typing))
    }

    #[test]
    fn a_flood_waits_while_another_terminal_is_typed_into_and_no_longer() {
        let (typed, flood) = turns();
        let start = Instant::now();
        let mut allowance = Allowance::new();
        let mut waits = |at: Instant| allowance.took_at(2 * BURST, &flood, at).is_some();
        assert!(!waits(start), "nobody types");
        typed.typing.note(typed.terminal, start);
        assert!(waits(start));
        assert!(waits(start + TYPES_FOR / 2));
        assert!(!waits(start + TYPES_FOR * 2), "nobody types any more");
    }

    #[test]
    fn what_is_typed_into_or_shows_little_never_waits() {
        let (typed, other) = turns();
        let start = Instant::now();
        typed.typing.note(typed.terminal, start);
        let flood = Allowance::new().took_at(2 * BURST, &typed, start);
        assert_eq!(flood, None, "its own keys");
        let little = Allowance::new().took_at(BURST / 2, &other, start);
        assert_eq!(little, None, "a few screens");
    }

    #[test]
    fn a_flood_beside_gets_its_rate() {
        const SECONDS: u32 = 10;
        let (typed, flood) = turns();
        let start = Instant::now();
        let (mut allowance, mut at, mut shown) = (Allowance::new(), start, 0);
        while at < start + Duration::from_secs(1) * SECONDS {
            typed.typing.note(typed.terminal, at);
            let wait = allowance.took_at(4096, &flood, at);
            shown += 4096;
            at += wait.unwrap_or(Duration::from_micros(1));
        }
        let share = i64::from(SECONDS) * RATE + BURST;
        assert!((shown - share).abs() < share / 20, "{shown} bytes");
    }
}
