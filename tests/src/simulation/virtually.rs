//! The time and the chance of a simulated thread, for whoever answers its system calls.
//!
//! Time stands still while anybody works and goes on when nobody has anything to do, to the next
//! moment somebody waits for. Both are per thread: every other thread has the system's.

use std::cell::{Cell, RefCell};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::runtime::Runtime;

use super::chance::Chance;

/// What the clocks show when a simulation begins: after every date the product was made on.
const WALL: Duration = Duration::from_secs(2_000_000_000);
/// Not 0, so that a program may look back.
const STEADY: Duration = Duration::from_secs(1_000_000);

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// By how many milliseconds the clock of whoever has its turn is wrong.
    static SKEW: Cell<i64> = const { Cell::new(0) };
    static CHANCE: Cell<u64> = const { Cell::new(0) };
    /// How often whoever has its turn has read the steady clock.
    static READS: Cell<u32> = const { Cell::new(0) };
    static TURN: RefCell<Turn> = const {
        RefCell::new(Turn { over: None, main: None, wants_events: false })
    };
}

/// Whoever reads the clock more often in one turn waits by looking at it, and for them, too, time
/// has to go on.
const READS_AT_ONCE: u32 = 2_000;

/// The turn of one runtime.
struct Turn {
    over: Option<Over>,
    main: Option<Waker>,
    wants_events: bool,
}

/// How a turn ended.
pub(super) struct Over {
    /// What the runtime listens to, where that was asked for.
    pub(super) events: Option<OwnedFd>,
    /// When it wants its next turn at the latest; `None`: when there is something for it.
    pub(super) due: Option<Duration>,
}

/// From here on this thread is simulated.
pub(super) fn begin(seed: u64) {
    CHANCE.set(seed);
    NOW.set(Duration::ZERO);
    ON.set(true);
}

/// Whether this thread is simulated.
pub fn is_on() -> bool {
    ON.get()
}

/// How long the simulation has gone on.
pub(super) fn now() -> Duration {
    NOW.get()
}

/// Time goes on, never back.
pub(super) fn advance_to(moment: Duration) {
    NOW.set(NOW.get().max(moment));
}

/// Who has its turn from here on has a clock that is wrong by so many milliseconds.
pub(super) fn skew(milliseconds: i64) {
    SKEW.set(milliseconds);
}

/// The time of day, if this thread is simulated.
pub fn wall() -> Option<Duration> {
    is_on().then(|| {
        let wrong = Duration::from_millis(SKEW.get().unsigned_abs());
        let right = WALL + NOW.get();
        match SKEW.get() < 0 {
            true => right.saturating_sub(wrong),
            false => right + wrong,
        }
    })
}

/// The time no setting of a clock changes, if this thread is simulated.
pub fn steady() -> Option<Duration> {
    is_on().then(|| {
        READS.set(READS.get().saturating_add(1));
        if READS.get() > READS_AT_ONCE {
            NOW.set(NOW.get() + Duration::from_millis(1));
        }
        STEADY + NOW.get()
    })
}

/// Fills `bytes` from the seed, if this thread is simulated.
pub fn fill(bytes: &mut [u8]) -> bool {
    if !is_on() {
        return false;
    }
    let mut chance = Chance::of(CHANCE.get(), 0);
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&chance.next().to_le_bytes()[..chunk.len()]);
    }
    CHANCE.set(chance.next());
    true
}

/// The runtime whose turn it is would sleep, for so long or until something happens: its turn is
/// over. Whoever calls this looks once more for what has happened, since the runtime was woken.
pub fn would_sleep(events: BorrowedFd<'_>, time: Option<Duration>) {
    let due = time.map(|time| now() + time);
    let main = TURN.with_borrow_mut(|turn| {
        let events = turn
            .wants_events
            .then(|| events.try_clone_to_owned().ok())
            .flatten();
        turn.over = Some(Over { events, due });
        turn.main.take()
    });
    if let Some(main) = main {
        main.wake();
    }
}

/// Lets a runtime do everything it can do now. `wants_events`: what it listens to is to be given.
pub(super) fn turn(runtime: &Runtime, wants_events: bool) -> Over {
    READS.set(0);
    TURN.with_borrow_mut(|turn| {
        turn.over = None;
        turn.wants_events = wants_events;
    });
    runtime.block_on(std::future::poll_fn(|context| {
        TURN.with_borrow_mut(|turn| match turn.over.take() {
            Some(over) => Poll::Ready(over),
            None => {
                turn.main = Some(context.waker().clone());
                Poll::Pending
            }
        })
    }))
}
