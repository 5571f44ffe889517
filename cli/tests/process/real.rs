//! The stock client, a terminal and a forwarded port against a real nexusd with a real workspace.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixture::{Fixture, Ran};

/// The variables a real one needs, beside a home.
const NEEDED: [&str; 2] = ["NEXUS_NATS_SERVER", "NEXUS_BASE_TREE"];

/// A nexusd in a home of its own, with one workspace `hello`.
struct Real {
    fixture: Fixture,
    daemon: Child,
}

impl Real {
    /// `None`, aloud, where something it needs is not there.
    fn start(test: &str) -> Option<Self> {
        let folder = Path::new(env!("CARGO_BIN_EXE_nexus")).parent()?;
        let binaries = ["nexusd", "nexus-worker", "nexus-init"].map(|name| folder.join(name));
        let missing = binaries
            .iter()
            .find(|path| !path.exists())
            .map(|path| format!("{} was not built", path.display()))
            .or_else(|| {
                let unset = NEEDED.iter().find(|name| std::env::var_os(name).is_none());
                unset.map(|name| format!("{name} is not set"))
            });
        if let Some(reason) = missing {
            skipped(test, &reason);
            return None;
        }
        let fixture = Fixture::without_server();
        let daemon = daemon(&fixture, folder);
        let real = Self { fixture, daemon };
        real.ready();
        real.nexus(&["user", "register"]).ok();
        real.nexus(&["workspace", "create", "hello", "--provider", "process"])
            .ok();
        real.nexus(&["ssh-config", "--yes"]).ok();
        Some(real)
    }

    fn nexus(&self, arguments: &[&str]) -> Ran {
        self.fixture.run(arguments)
    }

    fn ready(&self) {
        let patience = Instant::now() + Duration::from_secs(60);
        while self.nexus(&["daemon", "status"]).code != 0 {
            assert!(Instant::now() < patience, "nexusd is not ready");
        }
    }

    /// The stock client with the configuration that was written, and no other.
    fn ssh(&self, line: &str) -> Command {
        let configuration = self.fixture.user_home().join(".ssh/config");
        let mut command = Command::new("ssh");
        command
            .arg("-F")
            .arg(configuration)
            .args(["-o", "BatchMode=yes", "hello.nexus", line])
            .env("HOME", self.fixture.user_home())
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null());
        command
    }
}

fn daemon(fixture: &Fixture, folder: &Path) -> Child {
    let mut command = Command::new(folder.join("nexusd"));
    command
        .args(["daemon", "--listen", "127.0.0.1:0", "--worker", "process"])
        .args(["--ssh-listen", "127.0.0.1:0"])
        .env("NEXUS_HOME", fixture.home())
        .env("HOME", fixture.user_home())
        // No other test of this machine takes these.
        .env("NEXUS_SSH_PORTS", "27900-27949")
        .env("NEXUS_BIN_DIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

impl Drop for Real {
    /// Leaves nothing running, whatever the test did: everything that has its home is its own.
    fn drop(&mut self) {
        let home = self.fixture.home().display().to_string();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        for process in processes {
            let path: PathBuf = process.path();
            let id = path
                .file_name()
                .and_then(|name| name.to_str()?.parse::<i32>().ok());
            let holds = ["environ", "cmdline"].iter().any(|file| {
                let bytes = std::fs::read(path.join(file)).unwrap_or_default();
                String::from_utf8_lossy(&bytes).contains(&home)
            });
            if let Some(pid) = id.and_then(rustix::process::Pid::from_raw)
                && holds
            {
                // It may have ended since it was listed.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        let _ = self.daemon.wait();
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the summary of the test run reads these lines"
)]
fn skipped(test: &str, reason: &str) {
    println!("SKIPPED {test}: {reason}");
}

#[test]
fn every_way_in_works_and_an_open_session_outlives_the_server() {
    let Some(mut real) = Real::start("every_way_in_works") else {
        return;
    };
    let ran = Ran::from(real.ssh("echo in; exit 5").output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (5, "in\n"), "{ran:#?}");
    for via in ["port", "stdio", "jump"] {
        let ran = real.nexus(&["ssh", "hello", "--via", via, "-c", "echo in; exit 6"]);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (6, "in\n"),
            "{via} {ran:#?}"
        );
    }
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), "echo $((6 * 7)); exit 9\n").unwrap();
    let mut terminal =
        real.fixture
            .command(&["workspace", "terminal", "hello", "--session", "main"]);
    let ran = Ran::from(terminal.stdin(input.reopen().unwrap()).output().unwrap());
    assert_eq!(ran.code, 9, "{ran:#?}");
    assert!(ran.stdout.contains("42\r\n"), "{ran:#?}");

    // Asleep it is woken, and that is said.
    real.nexus(&["workspace", "stop", "hello"]).ok();
    let ran = Ran::from(real.ssh("echo woken").output().unwrap());
    assert_eq!(ran.stdout, "woken\n", "{ran:#?}");
    assert!(
        ran.stderr
            .contains("workspace hello is stopped: starting it"),
        "{ran:#?}"
    );

    let mut session = real
        .ssh("echo begun; read word; echo got $word; exit 7")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(session.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "begun\n");
    real.daemon.kill().unwrap();
    real.daemon.wait().unwrap();
    session.stdin.take().unwrap().write_all(b"on\n").unwrap();
    line.clear();
    said.read_to_string(&mut line).unwrap();
    assert_eq!(
        (line.as_str(), session.wait().unwrap().code()),
        ("got on\n", Some(7))
    );
}
