//! P17 and P18: bytes from a service inside, by a connection handed over and by `ssh -L`, each against
//! its floor in the same run: the service itself, and a bare OpenSSH server.
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use nexus_init_protocol::{Client, HandOver, SetupPlan, WorkUser};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const SIZE: u64 = 256 << 20;
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let wanted = |row: &str| words.is_empty() || words.iter().any(|word| word == row);
    if !wanted("P17") && !wanted("P18") {
        return Ok(());
    }
    let bench = Bench::start().await?;
    let service = service().await?;
    if wanted("P17") {
        handed_over(&bench, service).await?;
    }
    if wanted("P18") {
        over_ssh(&bench, service).await?;
    }
    Ok(())
}

/// P17: at least 0.6 of the service's own rate, at most 0.4 s of init's processor time for a GiB.
async fn handed_over(bench: &Bench, service: u16) -> anyhow::Result<()> {
    let door = bench.door(HandOver::Port(service)).await?;
    let (mut floor, mut figure) = (Vec::new(), Vec::new());
    let before = processor_seconds(bench.init.0.id())?;
    for _ in 0..ROUNDS {
        floor.push(rate(service).await?);
        figure.push(rate(door).await?);
    }
    let used = processor_seconds(bench.init.0.id())? - before;
    let gibibytes = (ROUNDS as u64 * SIZE) as f64 / f64::from(1 << 30);
    row("P17", median(floor), median(figure), 0.6);
    let used = used / gibibytes;
    let verdict = if used <= 0.4 { "ok" } else { "missed" };
    println!("P17   processor time of init {used:.2} s/GiB limit 0.40 s/GiB {verdict}");
    Ok(())
}

/// P18: at least 1.3 times the rate of OpenSSH's own server.
async fn over_ssh(bench: &Bench, service: u16) -> anyhow::Result<()> {
    if !Path::new("/usr/sbin/sshd").exists() || !rustix::process::geteuid().is_root() {
        println!("P18   skipped: no OpenSSH server here, or this is not root");
        return Ok(());
    }
    let (_sshd, bare) = bench.sshd()?;
    let ours = bench.door(HandOver::Ssh).await?;
    let (_bare, bare) = bench.forward(bare, service).await?;
    let (_ours, ours) = bench.forward(ours, service).await?;
    let (mut floor, mut figure) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floor.push(rate(bare).await?);
        figure.push(rate(ours).await?);
    }
    row("P18", median(floor), median(figure), 1.3);
    Ok(())
}

fn row(id: &str, floor: f64, figure: f64, least: f64) {
    let ratio = figure / floor;
    let verdict = if ratio >= least { "ok" } else { "missed" };
    println!(
        "{id:<5} floor {floor:>9.2} MiB/s figure {figure:>9.2} MiB/s ratio {ratio:>5.2} \
         target >= {least:<5} {verdict}"
    );
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Reads all a port gives, in MiB per second.
async fn rate(port: u16) -> anyhow::Result<f64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let started = Instant::now();
    let mut buffer = vec![0; 1 << 20];
    let mut seen = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            count => seen += count as u64,
        }
    }
    ensure!(seen == SIZE, "{seen} bytes instead of {SIZE}");
    Ok((SIZE >> 20) as f64 / started.elapsed().as_secs_f64())
}

/// A port that gives everybody the same number of bytes.
async fn service() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        let piece = vec![7; 1 << 20];
        while let Ok((mut stream, _)) = listener.accept().await {
            let piece = piece.clone();
            tokio::spawn(async move {
                for _ in 0..SIZE >> 20 {
                    stream.write_all(&piece).await?;
                }
                stream.shutdown().await
            });
        }
    });
    Ok(port)
}

fn processor_seconds(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let rest = stat.rsplit(')').next().context("a name in brackets")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |index: usize| -> anyhow::Result<f64> {
        let field = fields.get(index).context("a field of the processor time")?;
        Ok(field.parse::<f64>()?)
    };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// A child that ends with this bench.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _gone_already = self.0.kill();
        let _gone_already = self.0.wait();
    }
}

/// One init that lets one key in.
struct Bench {
    folder: tempfile::TempDir,
    client: Client,
    init: Ending,
}

impl Bench {
    async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("run/init.sock");
        let this = std::env::current_exe()?;
        let binaries = this
            .parent()
            .and_then(Path::parent)
            .context("the build folder")?;
        let mut command = Command::new(binaries.join("nexus-init"));
        command.arg("serve").arg("--socket").arg(&socket);
        command.arg("--state").arg(folder.path().join("state"));
        let init = Ending(command.stderr(Stdio::null()).spawn()?);
        let client = Client::connect_within(&socket, PATIENCE).await?;
        let bench = Self {
            folder,
            client,
            init,
        };
        bench.set_up().await?;
        Ok(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn set_up(&self) -> anyhow::Result<()> {
        for name in ["key", "host_key"] {
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
            ensure!(
                command.arg(self.path(name)).status()?.success(),
                "ssh-keygen"
            );
        }
        let mut plan = SetupPlan::new("bench", 1);
        plan.user = WorkUser {
            name: "root".to_owned(),
            uid: 0,
            home: "/root".to_owned(),
        };
        plan.workspace_directory = self.path("work").display().to_string();
        plan.authorized_keys = vec![std::fs::read_to_string(self.path("key.pub"))?];
        self.client.apply(&plan).await?;
        let mut reports = self.client.reports(0).await?;
        while let Some(report) = reports.next().await? {
            if format!("{:?}", report.event).starts_with("SetupFinished") {
                return Ok(());
            }
        }
        anyhow::bail!("the set-up has no end")
    }

    /// A port whose connections are handed over.
    async fn door(&self, target: HandOver) -> anyhow::Result<u16> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let client = self.client.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let socket = stream.into_std()?.into();
                client.hand_over(&target, socket).await?;
            }
            anyhow::Ok(())
        });
        Ok(port)
    }

    /// A bare server that lets the same key in.
    fn sshd(&self) -> anyhow::Result<(Ending, u16)> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?
            .local_addr()?
            .port();
        std::fs::create_dir_all("/run/sshd")?;
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-f", "/dev/null", "-h"]);
        command.arg(self.path("host_key"));
        for option in [
            format!("Port={port}"),
            "ListenAddress=127.0.0.1".to_owned(),
            format!("AuthorizedKeysFile={}", self.path("key.pub").display()),
            "StrictModes=no".to_owned(),
            "UsePAM=no".to_owned(),
            "PidFile=none".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        let child = command.stderr(Stdio::null()).spawn()?;
        Ok((Ending(child), port))
    }

    /// A client that forwards a port to the service, and that port.
    async fn forward(&self, server: u16, service: u16) -> anyhow::Result<(Ending, u16)> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?
            .local_addr()?
            .port();
        let mut command = Command::new("ssh");
        command.args(["-F", "/dev/null", "-N", "-p", &server.to_string()]);
        for option in [
            "BatchMode=yes",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            "ConnectionAttempts=20",
        ] {
            command.args(["-o", option]);
        }
        command.arg("-i").arg(self.path("key"));
        command.args(["-L", &format!("{port}:127.0.0.1:{service}")]);
        let child = Ending(command.arg("root@127.0.0.1").spawn()?);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            ensure!(Instant::now() < deadline, "no forwarded port");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok((child, port))
    }
}
