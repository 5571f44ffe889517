//! A script from a seed: a few people in a hurry, and a few kinds of trouble.

use std::time::Duration;

use nexus_workers::fake::Call;
use nexus_workers::provider::ErrorClass;

use super::{Ask, Entry, Fault, Name, Script, Victim, Weather, What, When};
use crate::simulation::chance::Chance;

const NAMES: [Name; 3] = [Name::App, Name::Lab, Name::Web];

/// Kinds of trouble; each seed has some of them, so that one does not hide another.
const KINDS: usize = 13;

impl Script {
    /// The script of a seed, with so many things happening in it.
    pub fn of_seed(seed: u64, steps: usize) -> Self {
        let mut chance = Chance::of(seed, 1);
        let mut script = Self {
            seed,
            workers: count(chance.between(1, 3)),
            replicas: count(chance.between(1, 2)),
            weather: chance.pick(&[Weather::Calm, Weather::Fair, Weather::Rough]),
            entries: Vec::new(),
        };
        let kinds: Vec<usize> = (0..KINDS).filter(|_| chance.percent(35)).collect();
        let trouble = match kinds.is_empty() {
            true => 0,
            false => chance.between(10, 50),
        };
        // One or two names, so that people meet.
        let names = &NAMES[..count(chance.between(1, 3))];
        let mut at = Duration::ZERO;
        for _ in 0..steps {
            let pause = match chance.percent(40) {
                true => chance.between(0, 60),
                false => chance.between(100, 4_000),
            };
            at += Duration::from_millis(pause);
            let what = match chance.percent(trouble) {
                true => {
                    let kind = chance.pick(&kinds);
                    What::Fault(script.trouble(kind, names, &mut chance))
                }
                false => script.ask(names, &mut chance),
            };
            script.entries.push(Entry { at, what });
        }
        script
    }

    fn ask(&self, names: &[Name], chance: &mut Chance) -> What {
        const ASKS: [Ask; 12] = [
            Ask::Create,
            Ask::Create,
            Ask::Create,
            Ask::Create,
            Ask::Delete,
            Ask::Delete,
            Ask::Delete,
            Ask::Stop,
            Ask::Stop,
            Ask::Start,
            Ask::Start,
            Ask::Use,
        ];
        let ask = match chance.percent(8) {
            true => chance.pick(&[Ask::Hold, Ask::Release]),
            false => chance.pick(&ASKS),
        };
        What::Ask {
            user: count(chance.below(Self::USERS as u64)),
            ask,
            name: chance.pick(names),
            replica: count(chance.below(self.replicas as u64)),
        }
    }

    fn trouble(&self, kind: usize, names: &[Name], chance: &mut Chance) -> Fault {
        let worker = count(chance.below(self.workers as u64));
        let anybody = match chance.percent(60) {
            true => Victim::Worker(worker),
            false => Victim::Replica(count(chance.below(self.replicas as u64))),
        };
        let time = Duration::from_millis(chance.between(200, 12_000));
        let call = chance.pick(&Call::EFFECTS);
        let when = chance.pick(&[When::Before, When::After]);
        match kind {
            0 | 1 => Fault::Crash(anybody, chance.between(0, 12), time),
            2 => Fault::Leave(worker, time),
            3 => Fault::Cut(anybody, time),
            4 => Fault::Deafen(anybody, time),
            5 => Fault::Mute(worker, time),
            6 => Fault::Slow(anybody, time),
            7 => Fault::Pause(anybody, time),
            8 => Fault::Clock(anybody, chance.between(0, 6_000).cast_signed() - 3_000),
            9 => Fault::Again,
            10 => Fault::Fail(worker, call, chance.pick(&ErrorClass::ALL), when),
            11 => Fault::Hang(worker, call, when),
            _ => match chance.percent(50) {
                true => Fault::BreakSetUp(worker, chance.percent(60)),
                false => {
                    let user = count(chance.below(Self::USERS as u64));
                    Fault::Exit(user, chance.pick(names))
                }
            },
        }
    }
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
