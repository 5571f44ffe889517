//! P5: from nothing to the first command, the process provider against the same sandbox spawned
//! bare.
//!
//! The floor is what kernel and init need: directories, `nexus-init sandbox` with a link of its own,
//! one command through its socket. The provider adds labels, locks, the network that all workspaces
//! of the host share, and that a crash at any step is made good. Both in turns, so that they see
//! the same machine.
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nexus_init_protocol::sandbox::{SandboxConfig, SandboxLimits, SandboxNetwork, SandboxReady};
use nexus_init_protocol::{Client, ExecSpec};
use nexus_workers::conformance::small_spec;
use nexus_workers::init;
use nexus_workers::provider::{MachineSpec, Progress, Provider as _};
use nexus_workers::providers::process::{ProcessOptions, ProcessProvider};

const ROUNDS: usize = 25;

/// What the provider may take on top of the floor, in milliseconds.
const ALLOWED: f64 = 25.0;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    if !words.iter().all(|word| word == "P5") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let options = ProcessOptions::new(folder.path(), init::locate_for_tests()?, "bench")?;
    let base = options.base_tree.clone();
    if !base.exists() {
        println!(
            "P5    skipped: no base tree at {} (make it: ./dev image)",
            base.display()
        );
        return Ok(());
    }
    let binary = options.init.clone();
    let provider = ProcessProvider::new(options)?;
    if let Err(error) = provider.profile().await {
        println!("P5    skipped: {}", error.to_failure().cause);
        return Ok(());
    }
    measure(&provider, &binary, &base.canonicalize()?, folder.path()).await
}

async fn measure(
    provider: &ProcessProvider,
    binary: &Path,
    base: &Path,
    folder: &Path,
) -> anyhow::Result<()> {
    let own_network = provider.profile().await?.capabilities.own_network;
    let (mut bare, mut ours, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let place = folder.join(format!("ws-bare{round}"));
        bare.push(bare_sandbox(binary, base, &place, own_network).await?);
        let spec = small_spec("bench");
        ours.push(create(provider, &spec).await?);
        provider
            .stop(spec.workspace, Duration::from_secs(5))
            .await?;
        again.push(start(provider, &spec).await?);
        provider.delete(spec.workspace).await?;
    }
    let (floor, figure) = (median(bare), median(ours));
    row("P5", floor, figure);
    row("P5-again", floor, median(again));
    Ok(())
}

fn row(id: &str, floor: f64, figure: f64) {
    let most = floor + ALLOWED;
    let verdict = if figure <= most { "ok" } else { "missed" };
    println!(
        "{id:<9} floor {floor:>7.2} ms  figure {figure:>7.2} ms  ratio {:>5.2}  limit {most:>7.2} ms  {verdict}",
        figure / floor
    );
}

async fn create(provider: &ProcessProvider, spec: &MachineSpec) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let image = provider.prepare_image(spec, &Progress::default()).await?;
    provider.ensure_machine(spec, &image).await?;
    provider.start(spec).await?;
    first_command(&provider.init_socket(spec.workspace)).await?;
    Ok(started.elapsed())
}

async fn start(provider: &ProcessProvider, spec: &MachineSpec) -> anyhow::Result<Duration> {
    let started = Instant::now();
    provider.start(spec).await?;
    first_command(&provider.init_socket(spec.workspace)).await?;
    Ok(started.elapsed())
}

async fn first_command(socket: &Path) -> anyhow::Result<()> {
    let client = Client::connect_within(socket, Duration::from_secs(10)).await?;
    let output = client
        .exec_to_end(&ExecSpec::new(["sh", "-c", ":"]), 1024)
        .await?;
    anyhow::ensure!(output.outcome.is_success(), "{}", output.outcome);
    Ok(())
}

/// Made, used once and killed; only making and using count.
async fn bare_sandbox(
    binary: &Path,
    base: &Path,
    place: &Path,
    own_network: bool,
) -> anyhow::Result<Duration> {
    let config = config(base, place, own_network);
    let started = Instant::now();
    std::fs::create_dir_all(place)?;
    let file: PathBuf = place.join("config.json");
    std::fs::write(&file, serde_json::to_vec(&config)?)?;
    let mut command = tokio::process::Command::new(binary);
    command
        .arg("sandbox")
        .arg("--config")
        .arg(&file)
        .stdin(Stdio::null());
    let output = command.output().await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let ready: SandboxReady = serde_json::from_slice(&output.stdout).with_context(|| said)?;
    first_command(&config.socket()).await?;
    let spent = started.elapsed();
    let process = rustix::process::Pid::from_raw(ready.process_id.cast_signed());
    let process = process.context("init has no number")?;
    rustix::process::kill_process(process, rustix::process::Signal::KILL)?;
    while rustix::process::test_kill_process(process).is_ok() {
        tokio::task::yield_now().await;
    }
    for hierarchy in ["", "memory", "cpu", "pids"] {
        let group = Path::new("/sys/fs/cgroup").join(hierarchy).join("nexus");
        let _not_there = std::fs::remove_dir(group.join(place.file_name().unwrap_or_default()));
    }
    Ok(spent)
}

fn config(base: &Path, place: &Path, own_network: bool) -> SandboxConfig {
    let network = match own_network && rustix::process::geteuid().is_root() {
        true => SandboxNetwork::Veth {
            interface: "nexusbare".to_owned(),
            host: [192, 168, 207, 253].into(),
            workspace: [192, 168, 207, 254].into(),
        },
        false => SandboxNetwork::Host,
    };
    SandboxConfig {
        base: base.to_owned(),
        directory: place.to_owned(),
        hostname: "bare".to_owned(),
        network,
        limits: SandboxLimits {
            memory_bytes: Some(256 << 20),
            cpu_milli: Some(500),
            processes: Some(256),
            open_files: None,
        },
        binds: Vec::new(),
        masked: Vec::new(),
        env: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
    }
}

/// In milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}
