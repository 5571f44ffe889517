//! What can go wrong, as values: a plan is a list of them, and says the same for the same seed.

use std::fmt;
use std::time::Duration;

use super::proxy::Weather;

/// One of the programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// One of the log's servers.
    Server(usize),
    /// Whichever of them leads when its moment comes.
    Leader,
    /// A replica of the control plane.
    Plane(usize),
    /// A worker.
    Worker(usize),
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(number) => write!(formatter, "nats-server-{number}"),
            Self::Leader => formatter.write_str("the leader of the log"),
            Self::Plane(number) => write!(formatter, "nexusd-{number}"),
            Self::Worker(number) => write!(formatter, "worker-{number}"),
        }
    }
}

/// Where nonsense is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poison {
    /// As an event of a workspace that lives.
    EventOfTheLiving,
    /// As an event of a workspace nobody has.
    EventOfNobody,
    /// As a command for any worker.
    Command,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`; it is started again after the pause.
    Kill(Target, Duration),
    /// `SIGSTOP`, and `SIGCONT` after the pause.
    Pause(Target, Duration),
    /// The program's way to the log is like this for so long.
    Network(Target, Weather, Duration),
    /// Killed, and started again with a clock that is off by so many seconds.
    Skew(Target, i64),
    /// The disk of one that keeps something is full for so long.
    Fill(Target, Duration),
    /// Nonsense is published.
    Poison(Poison),
}

impl Fault {
    /// Whether it is one of the kills a run is asked for.
    pub const fn is_kill(&self) -> bool {
        matches!(self, Self::Kill(..))
    }

    /// The kind, for counting.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Kill(..) => "kills",
            Self::Pause(..) => "pauses",
            Self::Network(..) => "partitions",
            Self::Skew(..) => "skewed clocks",
            Self::Fill(..) => "full disks",
            Self::Poison(..) => "poisons",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(target, pause) => {
                write!(
                    formatter,
                    "kill {target}, back after {} ms",
                    pause.as_millis()
                )
            }
            Self::Pause(target, pause) => {
                write!(formatter, "stop {target} for {} ms", pause.as_millis())
            }
            Self::Network(target, weather, pause) => write!(
                formatter,
                "network of {target}: {} for {} ms",
                weather.as_str(),
                pause.as_millis()
            ),
            Self::Skew(target, seconds) => {
                write!(formatter, "clock of {target} off by {seconds} s")
            }
            Self::Fill(target, pause) => {
                write!(
                    formatter,
                    "disk of {target} full for {} ms",
                    pause.as_millis()
                )
            }
            Self::Poison(poison) => write!(formatter, "poison: {poison:?}"),
        }
    }
}
