//! The sandbox of the process provider: a workspace without any daemon or package.
//!
//! ```text
//! maker (host)                 parent                        init (process 1 inside)
//!   │ fork ─────────────────────▶ │ new session
//!   │                             │ user namespace, if not root
//!   │ ids of the namespace ─────▶ │
//!   │                             │ other namespaces, fork ─────▶ │
//!   │ ◀──────────── process number of init                        │
//!   │ cgroups, network ──────────────────────────── "go" ───────▶ │
//!   │                             exit                            │ mounts, new root, lo up,
//!   │                                                             │ rights dropped, listen
//!   │ ◀────────────────────────────────────────── "ready" ─────── │
//!   │ `run/ready` and one line on standard output, exit           │ serves
//! ```
//!
//! The socket is made by the maker below the workspace's own directory before the root changes, so a
//! worker that was restarted finds init by path. Init has a session of its own and lives on when
//! the maker and the worker are gone.
//!
//! `/tmp` is on the overlay like everything else; only `/run`, `/dev` and `/dev/shm` are in memory.

mod cgroup;
mod devices;
mod family;
mod ids;
mod mounts;
mod netlink;
mod network;
mod privileges;
mod probe;
mod remove;

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use nexus_init_protocol::sandbox::{
    IdMode, SandboxCapabilities, SandboxConfig, SandboxNetwork, SandboxReady,
};
use rustix::thread::UnshareFlags;

use self::cgroup::Cgroups;
use self::family::{Child, Pipe};
use crate::serve::{self, ServeOptions};

pub(crate) use self::probe::print as print_probe;
pub(crate) use self::remove::remove;

/// Where init's state is, seen from inside.
const STATE_INSIDE: &str = "/run/nexus/state";

/// Makes the sandbox of a configuration file and returns when it is ready.
pub(crate) fn run(config: &Path, started: Instant) -> anyhow::Result<()> {
    let text = fs::read(config).with_context(|| format!("reading {}", config.display()))?;
    let config: SandboxConfig = serde_json::from_slice(&text)
        .with_context(|| format!("understanding {}", config.display()))?;
    check(&config)?;
    let ready = make(&config, started)?;
    let mut line = serde_json::to_vec(&ready)?;
    line.push(b'\n');
    let path = config.ready_file();
    let scratch = path.with_extension("new");
    fs::write(&scratch, &line).with_context(|| format!("writing {}", scratch.display()))?;
    fs::rename(&scratch, &path).with_context(|| format!("writing {}", path.display()))?;
    crate::say(&String::from_utf8_lossy(&line))
}

fn check(config: &SandboxConfig) -> anyhow::Result<()> {
    let is_label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let hostname = &config.hostname;
    ensure!(
        !hostname.is_empty() && hostname.len() <= 63 && hostname.chars().all(is_label),
        "hostname {hostname:?} must have 1 to 63 letters, digits and hyphens"
    );
    ensure!(
        config.base.is_dir(),
        "the base tree {} is no directory",
        config.base.display()
    );
    for path in [&config.base, &config.directory] {
        ensure!(path.is_absolute(), "{} is no absolute path", path.display());
    }
    for bind in &config.binds {
        let target = bind.target.display();
        ensure!(
            bind.target.is_absolute(),
            "bind target {target} is no absolute path"
        );
        let source = bind.source.display();
        ensure!(bind.source.exists(), "bind source {source} does not exist");
    }
    Ok(())
}

/// Everything the three processes share.
struct Plan<'a> {
    config: &'a SandboxConfig,
    ids: IdMode,
    listener: UnixListener,
    log: fs::File,
    /// Told by the maker: the ids are mapped.
    mapped: Pipe,
    /// Told by the parent: the user namespace is there, then the number of init.
    parent_says: Pipe,
    /// Told by the maker: cgroups and network are there.
    go: Pipe,
    /// Told by init: it listens, or why not.
    init_says: Pipe,
    /// Held open by init for as long as it lives.
    alive: Pipe,
}

fn make(config: &SandboxConfig, started: Instant) -> anyhow::Result<SandboxReady> {
    prepare_directories(config)?;
    let ids = ids::choose();
    let plan = Plan {
        ids,
        listener: serve::bind(&config.socket()).context("making the socket")?,
        log: open_log(config)?,
        mapped: Pipe::new()?,
        parent_says: Pipe::new()?,
        go: Pipe::new()?,
        init_says: Pipe::new()?,
        alive: Pipe::new()?,
        config,
    };
    match family::fork().context("forking")? {
        None => family::exit_with(be_parent(plan)),
        Some(parent) => be_maker(plan, parent, started),
    }
}

fn prepare_directories(config: &SandboxConfig) -> anyhow::Result<()> {
    let make = |path: PathBuf, mode: u32| {
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(mode).create(&path);
        made.with_context(|| format!("making {}", path.display()))
    };
    for name in ["upper", "work", "root"] {
        make(config.directory.join(name), 0o755)?;
    }
    make(config.directory.join("run"), 0o700)?;
    make(config.directory.join("run/state"), 0o700)?;
    match fs::remove_file(config.ready_file()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context("removing what an earlier start left")
        }
        _ => Ok(()),
    }
}

fn open_log(config: &SandboxConfig) -> anyhow::Result<fs::File> {
    let path = config.log_file();
    let opened = fs::OpenOptions::new().create(true).append(true).open(&path);
    opened.with_context(|| format!("opening {}", path.display()))
}

/// The process that was started: everything that has to be done from the host.
fn be_maker(mut plan: Plan<'_>, parent: Child, started: Instant) -> anyhow::Result<SandboxReady> {
    for pipe in [&mut plan.parent_says, &mut plan.init_says] {
        pipe.close_write();
    }
    for pipe in [&mut plan.mapped, &mut plan.go] {
        pipe.close_read();
    }
    let result = assist(&mut plan, &parent);
    let (process_id, cgroups, network) = match result {
        Ok(made) => made,
        Err(error) => {
            parent.kill();
            return Err(error);
        }
    };
    parent.wait();
    Ok(SandboxReady {
        process_id,
        start_ticks: start_ticks(process_id)?,
        elapsed_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        capabilities: capabilities(plan.ids, &plan.config.network, &cgroups, network),
    })
}

/// Does what the others wait for; returns once init is ready.
fn assist(plan: &mut Plan<'_>, parent: &Child) -> anyhow::Result<(u32, Cgroups, Vec<String>)> {
    if plan.ids != IdMode::Root {
        plan.parent_says.expect("user namespace")?;
        ids::map(parent.process_id(), plan.ids).context("mapping ids")?;
        plan.mapped.tell("mapped")?;
    }
    let number = plan.parent_says.listen().context("making namespaces")?;
    let process_id: u32 = number
        .parse()
        .with_context(|| format!("making namespaces: {number}"))?;
    let cgroups = Cgroups::make(plan.config, process_id);
    let notes = network::connect(&plan.config.network, process_id, &plan.alive)?;
    plan.go.tell("go")?;
    match plan.init_says.listen()?.as_str() {
        "ready" => Ok((process_id, cgroups, notes)),
        "" => bail!(
            "init ended before it was ready; see {}",
            plan.config.log_file().display()
        ),
        error => bail!("{error}"),
    }
}

/// The process between: it makes the namespaces and the process that is the first inside.
fn be_parent(mut plan: Plan<'_>) -> anyhow::Result<()> {
    let result = make_namespaces(&mut plan);
    if let Err(error) = &result {
        let _maker_is_gone = plan.parent_says.tell(&format!("{error:#}"));
    }
    result
}

fn make_namespaces(plan: &mut Plan<'_>) -> anyhow::Result<()> {
    plan.mapped.close_write();
    rustix::process::setsid().context("leaving the worker's session")?;
    if plan.ids != IdMode::Root {
        family::unshare(UnshareFlags::NEWUSER).context("making a user namespace")?;
        plan.parent_says.tell("user namespace")?;
        plan.mapped.expect("mapped")?;
        ids::become_root(plan.ids).context("becoming root of the namespace")?;
    }
    let mut flags =
        UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWUTS | UnshareFlags::NEWIPC;
    if plan.config.network != SandboxNetwork::Host {
        flags |= UnshareFlags::NEWNET;
    }
    family::unshare(flags).context("making namespaces")?;
    match family::fork().context("forking")? {
        Some(init) => plan.parent_says.tell(&init.process_id().to_string()),
        None => family::exit_with(be_init(plan)),
    }
}

/// Process 1 of the sandbox.
fn be_init(plan: &mut Plan<'_>) -> anyhow::Result<()> {
    // Only the parent's own end may keep the maker waiting.
    plan.parent_says.close_write();
    plan.go.close_write();
    let result = enter(plan);
    match result {
        Ok(()) => serve_inside(plan),
        Err(error) => {
            let _maker_is_gone = plan.init_says.tell(&format!("{error:#}"));
            Err(error)
        }
    }
}

fn enter(plan: &mut Plan<'_>) -> anyhow::Result<()> {
    family::redirect_output(&plan.log).context("redirecting output")?;
    plan.go.expect("go")?;
    // Its own place in the hierarchy looks like the top from inside; a kernel without it is no harm.
    let _unsupported = family::unshare(UnshareFlags::NEWCGROUP);
    rustix::system::sethostname(plan.config.hostname.as_bytes())
        .context("setting the host name")?;
    mounts::enter(plan.config, plan.ids)?;
    network::configure_inside(&plan.config.network).context("setting up the network")?;
    privileges::limit(&plan.config.limits).context("setting limits")?;
    privileges::drop_unneeded().context("dropping rights")
}

fn serve_inside(plan: &mut Plan<'_>) -> anyhow::Result<()> {
    set_environment(plan.config);
    crate::log_to_standard_error();
    let options = ServeOptions {
        state: PathBuf::from(STATE_INSIDE),
        listener: plan.listener.try_clone().context("keeping the socket")?,
    };
    let init_says = &mut plan.init_says;
    serve::run(options, move || init_says.tell_and_close("ready"))
}

/// The environment of everything inside is the configuration's, not the worker's.
#[expect(
    unsafe_code,
    reason = "the environment of a process is one unguarded table"
)]
fn set_environment(config: &SandboxConfig) {
    let inherited: Vec<_> = std::env::vars_os().map(|(name, _)| name).collect();
    // SAFETY: this process was just forked from a process with one thread and has one thread itself;
    // the runtime that starts others comes later.
    unsafe {
        inherited.iter().for_each(|name| std::env::remove_var(name));
        config
            .env
            .iter()
            .for_each(|(name, value)| std::env::set_var(name, value));
    }
}

/// Start time of a process in clock ticks after boot.
fn start_ticks(process_id: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{process_id}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let field = after_name.split_whitespace().nth(19);
    field
        .and_then(|text| text.parse().ok())
        .with_context(|| format!("understanding {path}"))
}

fn capabilities(
    ids: IdMode,
    network: &SandboxNetwork,
    cgroups: &Cgroups,
    mut notes: Vec<String>,
) -> SandboxCapabilities {
    notes.extend(cgroups.notes.iter().cloned());
    if ids == IdMode::Single {
        notes.push(
            "only one user id inside: install uidmap and give this user a range in /etc/subuid and /etc/subgid"
                .to_owned(),
        );
    }
    if *network == SandboxNetwork::Host {
        notes.push("shares the host's network: ports can clash".to_owned());
    }
    SandboxCapabilities {
        ids,
        own_network: *network != SandboxNetwork::Host,
        outbound_network: *network != SandboxNetwork::Loopback,
        memory_limit: cgroups.memory,
        cpu_limit: cgroups.cpu,
        process_limit: cgroups.processes,
        notes,
    }
}
