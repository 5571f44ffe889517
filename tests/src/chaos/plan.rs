//! Which faults come when: drawn from a seed alone, so that a run can be had again.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::fault::{Fault, Poison, Target};
use super::proxy::Weather;
use crate::log_servers::Servers;

/// Replicas of the control plane in a run.
pub const PLANES: usize = 2;
/// Workers in a run.
pub const WORKERS: usize = 3;

/// An hour, in either direction, as clocks are found to be off.
const SKEWS: [i64; 4] = [3_600, -3_600, 86_400, -300];

/// A fault, and how long after the one before it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// How long after the one before.
    pub after: Duration,
    /// What goes wrong.
    pub fault: Fault,
}

/// What a run is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// How many `kill -9`.
    pub kills: usize,
    /// What everything is drawn from.
    pub seed: u64,
    /// Whether clocks can be skewed on this machine.
    pub skew: bool,
    /// Whether programs have disks that can be filled.
    pub disks: bool,
    /// How many servers keep the log.
    pub servers: Servers,
}

/// Every fault of a run, in order: as many kills as wanted, and one other fault for every two.
pub fn plan(wanted: Wanted) -> Vec<Moment> {
    let mut numbers = StdRng::seed_from_u64(wanted.seed);
    let mut moments = Vec::new();
    let mut kills = 0;
    while kills < wanted.kills {
        let fault = if numbers.random_ratio(2, 3) {
            Fault::Kill(
                any(&mut numbers, wanted),
                milliseconds(&mut numbers, 0, 800),
            )
        } else {
            other(&mut numbers, wanted)
        };
        kills += usize::from(fault.is_kill());
        moments.push(Moment {
            after: milliseconds(&mut numbers, 100, 2_500),
            fault,
        });
    }
    moments
}

fn milliseconds(numbers: &mut StdRng, from: u64, to: u64) -> Duration {
    Duration::from_millis(numbers.random_range(from..to))
}

/// Workers are most of the programs and do most of the work.
fn any(numbers: &mut StdRng, wanted: Wanted) -> Target {
    let several = match wanted.servers {
        Servers::One => 0,
        Servers::Three => 1,
    };
    match numbers.random_range(0..7 + several) {
        0 if several == 0 => Target::Server(0),
        0 | 7 => server(numbers),
        1..=2 => Target::Plane(numbers.random_range(0..PLANES)),
        _ => Target::Worker(numbers.random_range(0..WORKERS)),
    }
}

/// The one that leads as often as the other two together, at least.
fn server(numbers: &mut StdRng) -> Target {
    match numbers.random_range(0..6) {
        number @ 0..3 => Target::Server(number),
        _ => Target::Leader,
    }
}

/// A program that reaches the log over a network of its own.
fn client(numbers: &mut StdRng) -> Target {
    match numbers.random_range(0..PLANES + WORKERS) {
        number if number < PLANES => Target::Plane(number),
        number => Target::Worker(number - PLANES),
    }
}

fn other(numbers: &mut StdRng, wanted: Wanted) -> Fault {
    match numbers.random_range(0..7) {
        0 | 1 => {
            let weather = match numbers.random_range(0..5) {
                0 => Weather::Cut,
                1 => Weather::Silent,
                2 => Weather::OnlyOut,
                3 => Weather::OnlyIn,
                _ => Weather::Slow(milliseconds(numbers, 20, 300)),
            };
            let target = match wanted.servers {
                Servers::Three if numbers.random_ratio(1, 4) => server(numbers),
                Servers::One | Servers::Three => client(numbers),
            };
            Fault::Network(target, weather, milliseconds(numbers, 200, 6_000))
        }
        2 | 3 => match any(numbers, wanted) {
            target @ (Target::Server(_) | Target::Leader) if wanted.servers == Servers::Three => {
                Fault::Pause(target, milliseconds(numbers, 200, 12_000))
            }
            target => Fault::Pause(target, milliseconds(numbers, 200, 5_000)),
        },
        4 if wanted.skew => {
            let seconds = SKEWS[numbers.random_range(0..SKEWS.len())];
            Fault::Skew(client(numbers), seconds)
        }
        5 if wanted.disks => {
            let target = match numbers.random_range(0..=PLANES) {
                number if number < PLANES => Target::Plane(number),
                _ if wanted.servers == Servers::Three => server(numbers),
                _ => Target::Server(0),
            };
            Fault::Fill(target, milliseconds(numbers, 200, 5_000))
        }
        _ => Fault::Poison(match numbers.random_range(0..3) {
            0 => Poison::EventOfTheLiving,
            1 => Poison::EventOfNobody,
            _ => Poison::Command,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIXTY: Wanted = Wanted {
        kills: 60,
        seed: 7,
        skew: true,
        disks: true,
        servers: Servers::One,
    };

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_another() {
        assert_eq!(plan(SIXTY), plan(SIXTY));
        assert_ne!(plan(SIXTY), plan(Wanted { seed: 8, ..SIXTY }));
    }

    #[test]
    fn as_many_kills_as_wanted_and_every_kind_of_fault() {
        let moments = plan(SIXTY);
        let kinds: std::collections::BTreeSet<_> =
            moments.iter().map(|moment| moment.fault.kind()).collect();
        assert_eq!(kinds.len(), 6, "{kinds:?}");
        let kills = moments.iter().filter(|moment| moment.fault.is_kill());
        assert_eq!(kills.count(), 60);
        let poor = plan(Wanted {
            skew: false,
            disks: false,
            ..SIXTY
        });
        let impossible =
            |moment: &&Moment| matches!(moment.fault, Fault::Skew(..) | Fault::Fill(..));
        assert_eq!(poor.iter().filter(impossible).count(), 0);
    }

    #[test]
    fn each_of_three_servers_and_whoever_leads_is_hit_in_every_way() {
        let moments = plan(Wanted {
            kills: 2_000,
            servers: Servers::Three,
            ..SIXTY
        });
        let all = [0, 1, 2]
            .map(Target::Server)
            .into_iter()
            .chain([Target::Leader]);
        for target in all {
            let hits = moments.iter().filter_map(|moment| match moment.fault {
                Fault::Kill(hit, _)
                | Fault::Pause(hit, _)
                | Fault::Network(hit, ..)
                | Fault::Fill(hit, _) => (hit == target).then(|| moment.fault.kind()),
                Fault::Skew(..) | Fault::Poison(_) => None,
            });
            let kinds: std::collections::BTreeSet<_> = hits.collect();
            assert_eq!(kinds.len(), 4, "{target}: {kinds:?}");
        }
        let one = plan(SIXTY);
        let of_three = |moment: &&Moment| {
            matches!(
                moment.fault,
                Fault::Kill(Target::Leader | Target::Server(1..), _)
            )
        };
        assert_eq!(one.iter().filter(of_three).count(), 0);
    }
}
