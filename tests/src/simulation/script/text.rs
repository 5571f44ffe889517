//! A script as text, and back.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nexus_workers::fake::Call;
use nexus_workers::provider::ErrorClass;

use super::{Ask, Entry, Fault, Name, Script, Victim, Weather, What, When};

/// A word for each of a few things.
type Words<T, const N: usize> = [(&'static str, T); N];

const WEATHERS: Words<Weather, 3> = [
    ("calm", Weather::Calm),
    ("fair", Weather::Fair),
    ("rough", Weather::Rough),
];
const NAMES: Words<Name, 3> = [("app", Name::App), ("lab", Name::Lab), ("web", Name::Web)];
const ASKS: Words<Ask, 7> = [
    ("create", Ask::Create),
    ("start", Ask::Start),
    ("stop", Ask::Stop),
    ("delete", Ask::Delete),
    ("hold", Ask::Hold),
    ("release", Ask::Release),
    ("use", Ask::Use),
];
const CALLS: Words<Call, 6> = [
    ("image", Call::PrepareImage),
    ("machine", Call::EnsureMachine),
    ("start", Call::Start),
    ("stop", Call::Stop),
    ("delete", Call::Delete),
    ("observe", Call::Observe),
];
const CLASSES: Words<ErrorClass, 9> = [
    ("auth", ErrorClass::Auth),
    ("invalid", ErrorClass::Invalid),
    ("absent", ErrorClass::Absent),
    ("exists", ErrorClass::Exists),
    ("busy", ErrorClass::Busy),
    ("capacity", ErrorClass::Capacity),
    ("rate", ErrorClass::Rate),
    ("transient", ErrorClass::Transient),
    ("unknown", ErrorClass::Unknown),
];
const WHENS: Words<When, 2> = [("before", When::Before), ("after", When::After)];

fn word<T: PartialEq + Copy>(words: &[(&'static str, T)], of: T) -> &'static str {
    let known = words.iter().find(|(_, thing)| *thing == of);
    known.map_or("?", |(word, _)| word)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(&NAMES, *self))
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker(index) => write!(f, "w{index}"),
            Self::Replica(index) => write!(f, "r{index}"),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask {
                user,
                ask,
                name,
                replica,
            } => write!(f, "u{user} {} {name} r{replica}", word(&ASKS, *ask)),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash(who, after, time) => {
                write!(f, "{who} crash {after} {}", time.as_millis())
            }
            Self::Leave(worker, time) => write!(f, "w{worker} leave {}", time.as_millis()),
            Self::Cut(who, time) => write!(f, "{who} cut {}", time.as_millis()),
            Self::Deafen(who, time) => write!(f, "{who} deafen {}", time.as_millis()),
            Self::Mute(worker, time) => write!(f, "w{worker} mute {}", time.as_millis()),
            Self::Slow(who, time) => write!(f, "{who} slow {}", time.as_millis()),
            Self::Pause(who, time) => write!(f, "{who} pause {}", time.as_millis()),
            Self::Clock(who, by) => write!(f, "{who} clock {by}"),
            Self::Again => f.write_str("queue again"),
            Self::Fail(worker, call, class, when) => write!(
                f,
                "w{worker} fail {} {} {}",
                word(&CALLS, *call),
                word(&CLASSES, *class),
                word(&WHENS, *when)
            ),
            Self::Hang(worker, call, when) => write!(
                f,
                "w{worker} hang {} {}",
                word(&CALLS, *call),
                word(&WHENS, *when)
            ),
            Self::BreakSetUp(worker, true) => write!(f, "w{worker} set-up broken"),
            Self::BreakSetUp(worker, false) => write!(f, "w{worker} set-up mended"),
            Self::Exit(user, name) => write!(f, "u{user} exit {name}"),
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "workers {}", self.workers)?;
        writeln!(f, "replicas {}", self.replicas)?;
        writeln!(f, "weather {}", word(&WEATHERS, self.weather))?;
        for Entry { at, what } in &self.entries {
            writeln!(f, "{}.{:03} {what}", at.as_secs(), at.subsec_millis())?;
        }
        Ok(())
    }
}

impl FromStr for Script {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut script = Self {
            seed: 0,
            workers: 1,
            replicas: 1,
            weather: Weather::Calm,
            entries: Vec::new(),
        };
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            script
                .take(&words)
                .with_context(|| format!("line {}: {line}", number + 1))?;
        }
        Ok(script)
    }
}

impl Script {
    fn take(&mut self, words: &[&str]) -> anyhow::Result<()> {
        match words {
            [] => {}
            ["seed", seed] => self.seed = seed.parse()?,
            ["workers", many] => self.workers = some(many)?,
            ["replicas", many] => self.replicas = some(many)?,
            ["weather", weather] => self.weather = thing(&WEATHERS, weather)?,
            [at, rest @ ..] => {
                let at = Duration::try_from_secs_f64(at.parse()?)?;
                let what = self.what(rest)?;
                self.entries.push(Entry { at, what });
            }
        }
        Ok(())
    }

    fn what(&self, words: &[&str]) -> anyhow::Result<What> {
        Ok(match words {
            ["queue", "again"] => What::Fault(Fault::Again),
            [user, "exit", name] => {
                let user = index(user, 'u', Self::USERS)?;
                What::Fault(Fault::Exit(user, thing(&NAMES, name)?))
            }
            [user, ask, name, replica] if user.starts_with('u') => What::Ask {
                user: index(user, 'u', Self::USERS)?,
                ask: thing(&ASKS, ask)?,
                name: thing(&NAMES, name)?,
                replica: index(replica, 'r', self.replicas)?,
            },
            [who, rest @ ..] => What::Fault(self.fault(who, rest)?),
            [] => bail!("a moment without anything"),
        })
    }

    fn fault(&self, who: &str, words: &[&str]) -> anyhow::Result<Fault> {
        let victim = || -> anyhow::Result<Victim> {
            Ok(match who.starts_with('r') {
                true => Victim::Replica(index(who, 'r', self.replicas)?),
                false => Victim::Worker(index(who, 'w', self.workers)?),
            })
        };
        let worker = || index(who, 'w', self.workers);
        Ok(match words {
            ["crash", after, time] => Fault::Crash(victim()?, after.parse()?, time_of(time)?),
            ["leave", time] => Fault::Leave(worker()?, time_of(time)?),
            ["cut", time] => Fault::Cut(victim()?, time_of(time)?),
            ["deafen", time] => Fault::Deafen(victim()?, time_of(time)?),
            ["mute", time] => Fault::Mute(worker()?, time_of(time)?),
            ["slow", time] => Fault::Slow(victim()?, time_of(time)?),
            ["pause", time] => Fault::Pause(victim()?, time_of(time)?),
            ["clock", by] => Fault::Clock(victim()?, by.parse()?),
            ["fail", call, class, when] => Fault::Fail(
                worker()?,
                thing(&CALLS, call)?,
                thing(&CLASSES, class)?,
                thing(&WHENS, when)?,
            ),
            ["hang", call, when] => {
                Fault::Hang(worker()?, thing(&CALLS, call)?, thing(&WHENS, when)?)
            }
            ["set-up", "broken"] => Fault::BreakSetUp(worker()?, true),
            ["set-up", "mended"] => Fault::BreakSetUp(worker()?, false),
            _ => bail!("nothing of this kind can happen"),
        })
    }
}

fn thing<T: Copy>(words: &[(&'static str, T)], text: &str) -> anyhow::Result<T> {
    let known = words.iter().find(|(word, _)| *word == text);
    let expected = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>();
    known
        .map(|(_, thing)| *thing)
        .with_context(|| format!("`{text}` is none of {}", expected().join(", ")))
}

fn time_of(milliseconds: &str) -> anyhow::Result<Duration> {
    Ok(Duration::from_millis(milliseconds.parse()?))
}

fn some(many: &str) -> anyhow::Result<usize> {
    let many = many.parse()?;
    anyhow::ensure!((1..=8).contains(&many), "from 1 to 8");
    Ok(many)
}

fn index(text: &str, kind: char, many: usize) -> anyhow::Result<usize> {
    let number = text
        .strip_prefix(kind)
        .with_context(|| format!("`{text}` is not `{kind}` and a number"))?;
    let number: usize = number.parse()?;
    anyhow::ensure!(number < many, "there is no {text}");
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_can_be_written_and_read_again() -> anyhow::Result<()> {
        for seed in 0..200 {
            let script = Script::of_seed(seed, 60);
            assert_eq!(script.to_string().parse::<Script>()?, script);
        }
        Ok(())
    }

    #[test]
    fn a_line_that_means_nothing_is_named() {
        let error = "seed 1\n1.0 w9 crash 0 5".parse::<Script>().unwrap_err();
        assert_eq!(error.to_string(), "line 2: 1.0 w9 crash 0 5");
        assert!(
            format!("{error:#}").ends_with("there is no w9"),
            "{error:#}"
        );
    }
}
