//! `nexus-sim`: simulates Nexus from a seed, looks whether what must hold does, and makes what fails
//! short. What is simulated, and how, is the text of `nexus_tests::simulation`.

mod system;

use std::io::{Read as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use nexus_tests::reliability::{self, Run};
use nexus_tests::simulation::runs::{Failure, Runs, Totals};
use nexus_tests::simulation::shrink::shrink;
use nexus_tests::simulation::{Plant, Report, Script, simulate};

/// Simulates Nexus: one thread, a time of its own, and whatever goes wrong, chosen by a seed.
#[derive(Debug, Parser)]
#[command(name = "nexus-sim", version)]
struct Args {
    /// The first seed
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// How many seeds, counting up
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    seeds: u64,
    /// How many things happen in each run
    #[arg(long, value_name = "COUNT", default_value_t = 30)]
    steps: usize,
    /// How many runs at a time
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    jobs: usize,
    /// Run this script instead, as a failure was printed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "seed"])]
    replay: Option<PathBuf>,
    /// Print everything that happens
    #[arg(long)]
    trace: bool,
    /// Put a bug in on purpose: missing-fence, lost-acknowledgement
    #[arg(long, value_name = "BUG", default_value = "nothing", value_parser = plant)]
    plant: Plant,
    /// Print what fails as it is, without making it short
    #[arg(long)]
    no_shrink: bool,
    /// Write a row of RELIABILITY.md, in the sources this was built from
    #[arg(long, conflicts_with_all = ["plant", "replay"])]
    record: bool,
    /// Run the script on standard input in this process, and report as JSON
    #[arg(long, hide = true)]
    one: bool,
}

fn plant(text: &str) -> Result<Plant, String> {
    let known = Plant::ALL.iter().find(|(name, _)| *name == text);
    match (known, text) {
        (Some((_, plant)), _) => Ok(*plant),
        (None, "nothing") => Ok(Plant::Nothing),
        (None, _) => Err(format!(
            "one of {}",
            Plant::ALL.map(|(name, _)| name).join(", ")
        )),
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            let _nobody_reads = writeln!(std::io::stderr(), "nexus-sim: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if args.one {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        let report = simulate(text.parse()?, args.plant, args.trace)?;
        serde_json::to_writer(&mut out, &report)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runs = Runs {
        program: std::env::current_exe().context("finding this program")?,
        plant: args.plant,
        steps: args.steps,
    };
    if args.replay.is_some() || args.seeds == 1 {
        let script = match &args.replay {
            Some(file) => std::fs::read_to_string(file)
                .with_context(|| format!("reading {}", file.display()))?
                .parse()?,
            None => Script::of_seed(args.seed, args.steps),
        };
        let report = runs.one(&script, args.trace)?;
        for line in &report.trace {
            writeln!(out, "{line}")?;
        }
        describe(&mut out, &script, &report)?;
        return match report.violation {
            None => Ok(ExitCode::SUCCESS),
            Some(_) if args.replay.is_some() => Ok(ExitCode::FAILURE),
            Some(_) => explain(&mut out, args, &runs, &Failure { script, report }),
        };
    }
    let began = Instant::now();
    let each = |number: u64| {
        if number > 0 && number.is_multiple_of(1_000) {
            let _nobody_reads = writeln!(std::io::stderr(), "{number} of {}", args.seeds);
        }
    };
    let (totals, failure) = runs.seeds(args.seed, args.seeds, args.jobs, each)?;
    writeln!(
        out,
        "{} seeds from {} in {:.1} s: {} operations, {} events, {} turns",
        totals.runs,
        args.seed,
        began.elapsed().as_secs_f64(),
        totals.operations,
        totals.events,
        totals.turns
    )?;
    if args.record {
        record(args, &totals, failure.as_ref(), began.elapsed())?;
    }
    match failure {
        None => {
            writeln!(out, "everything held")?;
            Ok(ExitCode::SUCCESS)
        }
        Some(failure) => explain(&mut out, args, &runs, &failure),
    }
}

fn record(
    args: &Args,
    totals: &Totals,
    failure: Option<&Failure>,
    took: Duration,
) -> anyhow::Result<()> {
    let violation = failure.and_then(|failure| {
        let violation = failure.report.violation.as_ref()?;
        Some((failure.script.seed, &violation.rule))
    });
    let command = format!(
        "./dev sim --seed {} --seeds {} --steps {}",
        args.seed, args.seeds, args.steps
    );
    reliability::record(Run {
        id: "R2",
        seed: args.seed,
        counts: format!(
            "{} seeds, {} steps each, {} operations, {} events, {} turns of processes, {} s",
            totals.runs,
            args.steps,
            totals.operations,
            totals.events,
            totals.turns,
            took.as_secs()
        ),
        result: match violation {
            None => "passed".to_owned(),
            Some((seed, rule)) => format!("FAILED: seed {seed} broke: {rule}"),
        },
        command,
    })
}

fn describe(out: &mut impl Write, script: &Script, report: &Report) -> anyhow::Result<()> {
    writeln!(
        out,
        "seed {}: {} operations, {} events, {} turns in {:.1} s of its time; trace of {} lines {}",
        script.seed,
        report.operations,
        report.events,
        report.turns,
        report.lasted_ms as f64 / 1000.0,
        report.lines,
        report.digest
    )?;
    if let Some(violation) = &report.violation {
        let (at, rule, seen) = (violation.at_ms, &violation.rule, &violation.seen);
        writeln!(out, "BROKEN after {at} ms: {rule}\n  {seen}")?;
    }
    Ok(())
}

/// Makes what fails short, and prints it so that it can be run again.
fn explain(
    out: &mut impl Write,
    args: &Args,
    runs: &Runs,
    failure: &Failure,
) -> anyhow::Result<ExitCode> {
    describe(out, &failure.script, &failure.report)?;
    let rule = failure
        .report
        .violation
        .as_ref()
        .map(|violation| violation.rule.clone());
    let mut script = failure.script.clone();
    if !args.no_shrink {
        let (short, tried) = shrink(&script, |shorter| {
            let violation = runs.one(shorter, false)?.violation;
            anyhow::Ok(violation.map(|violation| violation.rule) == rule)
        })?;
        let (from, to) = (script.entries.len(), short.entries.len());
        writeln!(out, "{to} of {from} things are enough, after {tried} runs")?;
        script = short;
        let report = runs.one(&script, false)?;
        describe(out, &script, &report)?;
    }
    writeln!(out, "# nexus-sim --replay FILE, with this in it:\n{script}")?;
    Ok(ExitCode::FAILURE)
}
