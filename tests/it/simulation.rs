//! Simulations: the same seed is the same history, what must hold does, and a bug that is put in on
//! purpose is found and made short.

use anyhow::{Context as _, ensure};
use nexus_tests::binaries::binary;
use nexus_tests::simulation::runs::Runs;
use nexus_tests::simulation::shrink::shrink;
use nexus_tests::simulation::{Plant, Script};

/// Within so many seeds a planted bug is found.
const SEEDS: u64 = 60;
/// So many things at most are left of what shows it.
const SHORT: usize = 6;

fn runs(plant: Plant) -> anyhow::Result<Runs> {
    Ok(Runs {
        program: binary("nexus-sim")?,
        plant,
        steps: 30,
    })
}

#[test]
fn the_same_seed_gives_the_same_trace() -> anyhow::Result<()> {
    let runs = runs(Plant::Nothing)?;
    let mut digests = std::collections::BTreeSet::new();
    for seed in 1_000..1_008 {
        let script = Script::of_seed(seed, 40);
        let first = runs.one(&script, true)?;
        let second = runs.one(&script, true)?;
        let differs = first.trace.iter().zip(&second.trace).find(|(a, b)| a != b);
        ensure!(differs.is_none(), "seed {seed}: {differs:?}");
        ensure!(first == second, "seed {seed}: the reports differ");
        ensure!(first.lines > 100, "seed {seed} did nothing");
        digests.insert(first.digest);
    }
    ensure!(digests.len() == 8, "seeds do not matter");
    Ok(())
}

#[test]
fn three_hundred_histories_of_trouble_break_no_rule() -> anyhow::Result<()> {
    let (totals, failure) = runs(Plant::Nothing)?.seeds(0, 300, 2, |_| {})?;
    if let Some(failure) = failure {
        anyhow::bail!("{:?}\n{}", failure.report.violation, failure.script);
    }
    ensure!(
        totals.runs == 300 && totals.operations > 1_500,
        "{totals:?}"
    );
    Ok(())
}

/// What simulations found once.
#[test]
fn what_broke_a_rule_once_does_not_again() -> anyhow::Result<()> {
    let runs = runs(Plant::Nothing)?;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/simulation");
    let mut played = 0;
    for entry in std::fs::read_dir(folder).context(folder)? {
        let path = entry?.path();
        let script: Script = std::fs::read_to_string(&path)?.parse()?;
        let violation = runs.one(&script, false)?.violation;
        ensure!(violation.is_none(), "{}: {violation:?}", path.display());
        played += 1;
    }
    ensure!(played > 0, "{folder} is empty");
    Ok(())
}

fn is_found_and_made_short(plant: Plant) -> anyhow::Result<()> {
    let runs = runs(plant)?;
    let (_, failure) = runs.seeds(0, SEEDS, 2, |_| {})?;
    let failure = failure.with_context(|| format!("not found in {SEEDS} seeds"))?;
    let rule = failure.report.violation.context("it failed")?.rule;
    let (short, _) = shrink(&failure.script, |shorter| {
        let violation = runs.one(shorter, false)?.violation;
        anyhow::Ok(violation.is_some_and(|violation| violation.rule == rule))
    })?;
    ensure!(short.entries.len() <= SHORT, "{rule} is left as:\n{short}");
    let replayed: Script = short.to_string().parse()?;
    let again = runs.one(&replayed, false)?.violation;
    ensure!(
        again.is_some_and(|violation| violation.rule == rule),
        "{short}"
    );
    let sound = Runs {
        plant: Plant::Nothing,
        ..runs
    };
    let without = sound.one(&short, false)?.violation;
    ensure!(without.is_none(), "it is no planted bug: {without:?}");
    Ok(())
}

#[test]
fn a_missing_fence_is_found_and_made_short() -> anyhow::Result<()> {
    is_found_and_made_short(Plant::MissingFence)
}

#[test]
fn a_lost_acknowledgement_is_found_and_made_short() -> anyhow::Result<()> {
    is_found_and_made_short(Plant::LostAcknowledgement)
}
