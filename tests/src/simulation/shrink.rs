//! Making a script that fails short: whatever it fails without is dropped.

use super::script::{Script, Weather};

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
    let mut simpler = Vec::new();
    if script.weather != Weather::Calm {
        simpler.push(Script {
            weather: Weather::Calm,
            ..script.clone()
        });
    }
    let text = script.to_string();
    // A world without its last replica or worker, where nothing speaks of it.
    for (who, many) in [("r", script.replicas), ("w", script.workers)] {
        let last = format!("{who}{}", many - 1);
        if many > 1 && !text.split_whitespace().any(|word| word == last) {
            let mut fewer = script.clone();
            match who {
                "r" => fewer.replicas -= 1,
                _ => fewer.workers -= 1,
            }
            simpler.push(fewer);
        }
    }
    simpler
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::script::{Ask, Name, What};

    #[test]
    fn what_it_fails_without_is_dropped() -> Result<(), std::convert::Infallible> {
        let long = (0..200)
            .map(|seed| Script::of_seed(seed, 60))
            .find(|script| asks(script, Ask::Create) > 2 && asks(script, Ask::Delete) > 2);
        let long = long.expect("some script has both");
        let fails =
            |script: &Script| Ok(asks(script, Ask::Create) > 1 && asks(script, Ask::Delete) > 0);
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
