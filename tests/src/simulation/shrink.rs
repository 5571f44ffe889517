//! Making a script that fails short: whatever it fails without is dropped.

use super::script::{Entry, Script, Victim, Weather, What};

/// How many runs a shrinking may take.
const MOST_RUNS: usize = 400;

/// The shortest script found that still fails, as `fails` tells, and how many runs that took.
///
/// # Errors
/// Those of `fails`.
pub fn shrink<E>(
    script: &Script,
    mut fails: impl FnMut(&Script) -> Result<bool, E>,
) -> Result<(Script, usize), E> {
    let (mut best, mut runs) = (script.clone(), 0);
    loop {
        let before = best.clone();
        let mut size = best.entries.len().div_ceil(2).max(1);
        loop {
            let mut start = 0;
            while start < best.entries.len() && runs < MOST_RUNS {
                let mut shorter = best.clone();
                let end = (start + size).min(shorter.entries.len());
                shorter.entries.drain(start..end);
                runs += 1;
                match fails(&shorter)? {
                    true => best = shorter,
                    false => start += size,
                }
            }
            if size == 1 {
                break;
            }
            size = size.div_ceil(2);
        }
        for simpler in simpler(&best) {
            if runs < MOST_RUNS {
                runs += 1;
                if fails(&simpler)? {
                    best = simpler;
                }
            }
        }
        if best == before || runs >= MOST_RUNS {
            return Ok((best, runs));
        }
    }
}

/// The same things in a simpler world.
fn simpler(script: &Script) -> Vec<Script> {
    let (one_replica, one_worker) = (Victim::Replica(0), Victim::Worker(0));
    let mut simpler = vec![
        Script {
            weather: Weather::Calm,
            ..script.clone()
        },
        Script {
            replicas: 1,
            entries: mapped(script, one_replica),
            ..script.clone()
        },
        Script {
            workers: 1,
            entries: mapped(script, one_worker),
            ..script.clone()
        },
    ];
    simpler.retain(|simpler| simpler != script);
    simpler
}

/// What happens, without what goes wrong with others than `only` among its kind.
fn mapped(script: &Script, only: Victim) -> Vec<Entry> {
    let mapped = |entry: &Entry| {
        let mut entry = *entry;
        match &mut entry.what {
            What::Ask { replica, .. } if matches!(only, Victim::Replica(_)) => *replica = 0,
            What::Ask { .. } => {}
            What::Fault(fault) => match (fault.victim(), only) {
                (Some(Victim::Replica(index)), Victim::Replica(kept))
                | (Some(Victim::Worker(index)), Victim::Worker(kept))
                    if index != kept =>
                {
                    return None;
                }
                (Some(Victim::Replica(_) | Victim::Worker(_)) | None, _) => {}
            },
        }
        Some(entry)
    };
    script.entries.iter().filter_map(mapped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::script::{Ask, Name};

    #[test]
    fn what_it_fails_without_is_dropped() -> Result<(), std::convert::Infallible> {
        let long = (0..200)
            .map(|seed| Script::of_seed(seed, 60))
            .find(|script| asks(script, Ask::Create) > 2 && asks(script, Ask::Delete) > 2);
        let long = long.expect("some script has both");
        let fails = |script: &Script| -> Result<bool, std::convert::Infallible> {
            Ok(asks(script, Ask::Create) > 1 && asks(script, Ask::Delete) > 0)
        };
        let (short, runs) = shrink(&long, fails)?;
        assert_eq!((short.entries.len(), short.weather), (3, Weather::Calm));
        assert!(runs < MOST_RUNS, "{runs}");
        Ok(())
    }

    fn asks(script: &Script, wanted: Ask) -> usize {
        let is_wanted = |what: &What| matches!(what, What::Ask { ask, name: Name::App | Name::Lab | Name::Web, .. } if *ask == wanted);
        script
            .entries
            .iter()
            .filter(|entry| is_wanted(&entry.what))
            .count()
    }
}
