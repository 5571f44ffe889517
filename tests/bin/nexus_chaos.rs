//! `nexus-chaos`: a run by flags, which writes its row of RELIABILITY.md.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use nexus_tests::chaos::run::{LIVES, Order, run};
use nexus_tests::log_servers::Servers;
use nexus_tests::reliability::{Run, record};

/// Kills, stops, cuts off and misleads a whole Nexus, and says whether it kept its promises
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// How many `kill -9`; other faults come in between
    #[arg(long, default_value_t = 60, value_name = "N")]
    kills: usize,
    /// What the plan is drawn from [default: by chance]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// After so many minutes no further fault is begun
    #[arg(long, value_name = "M")]
    minutes: Option<u64>,
    /// How many nats-servers keep the log
    #[arg(long, value_enum, default_value_t = Servers::One, value_name = "N")]
    servers: Servers,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let seed = arguments
        .seed
        .unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let order = Order {
        kills: arguments.kills,
        seed,
        at_most: arguments
            .minutes
            .map(|minutes| Duration::from_secs(minutes * 60)),
        servers: arguments.servers,
        lives: LIVES,
    };
    say(&format!("seed {seed}"));
    let outcome = run(order).await?;
    for violation in &outcome.violations {
        say(&format!("VIOLATION {violation}"));
    }
    if !outcome.violations.is_empty() {
        say(&outcome.evidence);
    }
    let result = match outcome.violations.first() {
        None => "passed".to_owned(),
        Some(first) => {
            let count = outcome.violations.len();
            format!("FAILED: {count} violations, first: {first}")
        }
    };
    let counts = outcome.counts();
    say(&format!("{result}: {counts}"));
    record(Run {
        id: "R1",
        seed,
        counts,
        result,
        command: command(&arguments, seed),
    })?;
    Ok(match outcome.violations.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// How to have it again.
fn command(arguments: &Arguments, seed: u64) -> String {
    let mut command = format!("./dev chaos --kills {} --seed {seed}", arguments.kills);
    if let Some(minutes) = arguments.minutes {
        command = format!("{command} --minutes {minutes}");
    }
    if arguments.servers == Servers::Three {
        command.push_str(" --servers 3");
    }
    command
}

#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn say(text: &str) {
    println!("{text}");
}
