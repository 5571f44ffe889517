//! The sandbox of the process provider, made for real: as root, and as a user without any rights.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use nexus_init_protocol::sandbox::{
    IdMode, SandboxBind, SandboxConfig, SandboxLimits, SandboxNetwork, SandboxProbe, SandboxReady,
};
use nexus_init_protocol::{
    Client, DialTarget, ExecSpec, Readiness, Report, ReportEvent, Repository, SetupPlan, StepName,
    TerminalSpec, WorkUser,
};
use tokio::io::AsyncReadExt;

use crate::harness::{PATIENCE, binary, in_time, outline, read_until_finished, web_service};
use crate::setup::repository;

/// One sandbox, gone with the test.
struct Sandbox {
    _directory: tempfile::TempDir,
    config: SandboxConfig,
    ready: SandboxReady,
    client: Client,
}

/// The tree sandboxes are made on, or why there is none.
fn base_tree() -> Option<PathBuf> {
    let home = std::env::var("HOME").unwrap_or_default();
    let usual = || Path::new(&home).join(".cache/nexus/base/current/rootfs");
    let named = std::env::var_os("NEXUS_BASE_TREE").map(PathBuf::from);
    let base = named.unwrap_or_else(usual).canonicalize();
    match base {
        Ok(base) if base.join("bin/sh").exists() => Some(base),
        _ => {
            println!("SKIPPED sandboxes: there is no base tree; make one with ./dev image");
            None
        }
    }
}

fn config(directory: &Path, base: PathBuf) -> SandboxConfig {
    SandboxConfig {
        base,
        directory: directory.join("ws-test"),
        hostname: "hello".to_owned(),
        network: SandboxNetwork::Loopback,
        limits: SandboxLimits::default(),
        binds: Vec::new(),
        masked: Vec::new(),
        env: [(
            "PATH".to_owned(),
            "/usr/local/bin:/usr/bin:/bin:/usr/sbin".to_owned(),
        )]
        .into(),
    }
}

fn make(config: &SandboxConfig, wrap: &[&str]) -> Output {
    std::fs::create_dir_all(&config.directory).unwrap();
    let file = config.directory.join("config.json");
    std::fs::write(&file, serde_json::to_vec(config).unwrap()).unwrap();
    let program = binary().display().to_string();
    let path = file.display().to_string();
    let words = wrap
        .iter()
        .copied()
        .chain([program.as_str(), "sandbox", "--config", &path]);
    let words: Vec<&str> = words.collect();
    Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

impl Sandbox {
    async fn start(change: impl FnOnce(&mut SandboxConfig)) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("SKIPPED root's sandbox: the tests do not run as root");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path(), base_tree()?);
        change(&mut config);
        let output = make(&config, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let ready = serde_json::from_slice(&output.stdout).unwrap();
        let client = Client::connect(config.socket()).await.unwrap();
        Some(Self {
            _directory: directory,
            config,
            ready,
            client,
        })
    }

    async fn shell(&self, line: &str) -> String {
        self.run_as("root", line).await
    }

    async fn run_as(&self, user: &str, line: &str) -> String {
        let mut spec = ExecSpec::new(["sh", "-c", line]);
        spec.user = Some(user.to_owned());
        let output = in_time(self.client.exec_to_end(&spec, 1 << 20))
            .await
            .unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        kill(self.ready.process_id);
    }
}

fn kill(process_id: u32) {
    let pid = rustix::process::Pid::from_raw(process_id as i32).unwrap();
    let _gone_already = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    while rustix::process::test_kill_process(pid).is_ok() {
        if Path::new(&format!("/proc/{process_id}/exe"))
            .read_link()
            .is_err()
        {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test]
async fn root_gets_a_system_of_its_own() {
    let Some(sandbox) = Sandbox::start(|_| ()).await else {
        return;
    };
    let capabilities = &sandbox.ready.capabilities;
    assert_eq!(capabilities.ids, IdMode::Root);
    assert!(capabilities.own_network && !capabilities.outbound_network);
    let stored = std::fs::read(sandbox.config.ready_file()).unwrap();
    let stored: SandboxReady = serde_json::from_slice(&stored).unwrap();
    assert_eq!(stored, sandbox.ready);
    let told = sandbox.shell("hostname; echo $$; cat /proc/1/comm; ls -d /root/.cache /host 2>&1 | wc -l; echo x > /etc/made; cat /etc/made").await;
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "hello");
    assert!(
        lines[1].parse::<u32>().unwrap() < 100,
        "process numbers of its own: {told}"
    );
    assert_eq!(lines[2], "nexus-init");
    assert_eq!(lines[4], "x");
    assert!(
        !sandbox.config.base.join("etc/made").exists(),
        "the base is not written to"
    );
    assert!(sandbox.config.directory.join("upper/etc/made").exists());
    let devices = sandbox.shell("echo ok > /dev/null; head -c 3 /dev/zero | wc -c; ls /dev/shm; test -r /dev/urandom && echo random").await;
    assert_eq!(devices, "3\nrandom\n");
    let terminal = TerminalSpec {
        argv: ["sh", "-c", "tty; sleep 1000"].map(str::to_owned).into(),
        ..TerminalSpec::default()
    };
    let mut terminal = sandbox.client.terminal(&terminal).await.unwrap();
    let shown = format!("{:?}", in_time(terminal.next()).await.unwrap());
    assert!(shown.contains("/dev/pts/0"), "{shown}");
}

#[tokio::test]
async fn root_inside_is_not_root_outside() {
    let Some(sandbox) = Sandbox::start(|_| ()).await else {
        return;
    };
    let tries = [
        "mount -t tmpfs none /mnt",
        "umount /proc/sys",
        "mknod /tmp/disk b 8 0",
        "echo 1 > /proc/sys/kernel/hostname",
        "echo b > /proc/sysrq-trigger",
        "ip link add x type dummy",
        "chroot /proc/1/root/../.. true && ls /proc/1/root/work",
        "nsenter -t 1 -m true",
        "date -s 2001-01-01",
    ];
    for line in tries {
        let told = sandbox
            .shell(&format!(
                "({line}) >/dev/null 2>&1 && echo allowed || echo refused"
            ))
            .await;
        assert_eq!(told, "refused\n", "{line}");
    }
    let rights = sandbox.shell("grep -h CapBnd /proc/self/status").await;
    let bits = u64::from_str_radix(rights.split_whitespace().last().unwrap(), 16).unwrap();
    let sys_admin_module_ptrace = 1 << 21 | 1 << 16 | 1 << 19;
    assert_eq!(bits & sys_admin_module_ptrace, 0);
}

#[tokio::test]
async fn the_work_user_works_and_may_use_sudo() {
    let Some(sandbox) = Sandbox::start(|_| ()).await else {
        return;
    };
    let plan = SetupPlan {
        services: vec![web_service("web", 3000)],
        ..SetupPlan::new("op-1", 1)
    };
    assert!(!sandbox.client.apply(&plan).await.unwrap());
    let mut reports = sandbox.client.reports(0).await.unwrap();
    let (readiness, reports) = read_until_finished(&mut reports).await;
    assert_eq!(readiness, Readiness::Ready, "{:?}", outline(&reports));
    let told = sandbox
        .run_as(
            "dev",
            "id -un; pwd; touch mine; stat -c %U mine; echo $HOME",
        )
        .await;
    assert_eq!(told, "dev\n/workspace\ndev\n/home/dev\n");
    if sandbox.config.base.join("usr/bin/sudo").exists() {
        assert_eq!(sandbox.run_as("dev", "sudo -n id -un").await, "root\n");
    } else {
        println!("SKIPPED sudo: the base tree has none");
    }
    // Bound to loopback inside: reached through init and by nobody else.
    let mut stream = sandbox.client.dial(&DialTarget::Port(3000)).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET / HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    in_time(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    let host_key = reports.iter().any(|report| {
        matches!(&report.event, ReportEvent::StepSucceeded { detail, .. } if detail.host_key.is_some())
    });
    assert!(host_key);
}

/// A project in two languages that names no service: what it needs is told from its files.
fn project(directory: &Path) -> Repository {
    let lock = r#"{"name":"x","version":"1.0.0","lockfileVersion":3,"requires":true,"packages":{
        "":{"name":"x","version":"1.0.0","dependencies":{"dep":"file:dep"}},
        "dep":{"version":"1.0.0"},"node_modules/dep":{"resolved":"dep","link":true}}}"#;
    let package = r#"{"name":"x","version":"1.0.0","dependencies":{"dep":"file:dep"},
        "scripts":{"start":"node server.js"}}"#;
    let server = "require('http').createServer((_, answer) => answer.end(require('dep'))).listen(process.env.PORT, '127.0.0.1')";
    repository(
        directory,
        &[
            ("package.json", package),
            ("package-lock.json", lock),
            (
                "dep/package.json",
                r#"{"name":"dep","version":"1.0.0","main":"index.js"}"#,
            ),
            ("dep/index.js", "module.exports = 'installed and served'"),
            ("server.js", server),
            ("requirements.txt", "# nothing\n"),
        ],
    )
}

fn note_of(reports: &[Report], wanted: &StepName) -> Option<String> {
    reports.iter().find_map(|report| match &report.event {
        ReportEvent::StepSucceeded { step, detail, .. } if step == wanted => detail.note.clone(),
        _ => None,
    })
}

#[tokio::test]
async fn a_project_without_a_config_is_installed_and_served() {
    let outside = tempfile::tempdir().unwrap();
    let mut wanted = project(&outside.path().join("project"));
    let source = outside.path().join("project");
    let sandbox = Sandbox::start(|config| {
        config.binds = vec![SandboxBind {
            source,
            target: PathBuf::from("/mnt/source"),
            read_only: true,
        }];
    });
    let Some(sandbox) = sandbox.await else {
        return;
    };
    let has = |place: &str| sandbox.config.base.join(place).exists();
    if !has("usr/bin/npm") && !has("usr/local/bin/npm") {
        println!("SKIPPED installing: the base tree has no npm");
        return;
    }
    wanted.url = "file:///mnt/source".to_owned();
    let mut plan = SetupPlan {
        repository: Some(wanted),
        ..SetupPlan::new("op-1", 1)
    };
    sandbox.client.apply(&plan).await.unwrap();
    let mut stream = sandbox.client.reports(0).await.unwrap();
    let (readiness, reports) = read_until_finished(&mut stream).await;
    assert_eq!(readiness, Readiness::Ready, "{reports:?}");
    let note = note_of(&reports, &StepName::Install).unwrap();
    assert_eq!(note, "npm ci, pip install -r requirements.txt");
    let mut stream = sandbox.client.dial(&DialTarget::Port(3000)).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET / HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    in_time(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.ends_with("installed and served"), "{answer}");
    let told = sandbox
        .run_as(
            "dev",
            "command -v python; stat -c %U .git node_modules .venv",
        )
        .await;
    assert_eq!(told, "/workspace/.venv/bin/python\ndev\ndev\ndev\n");

    plan.operation = "op-2".to_owned();
    plan.epoch = 2;
    let last = reports.last().unwrap().number;
    sandbox.client.apply(&plan).await.unwrap();
    let mut stream = sandbox.client.reports(last).await.unwrap();
    let (readiness, reports) = read_until_finished(&mut stream).await;
    assert_eq!(readiness, Readiness::Ready, "{reports:?}");
    assert!(
        note_of(&reports, &StepName::Install)
            .unwrap()
            .contains("nothing changed")
    );
    assert_eq!(
        note_of(&reports, &StepName::Clone).unwrap(),
        "already cloned"
    );
}

#[tokio::test]
async fn binds_masks_and_limits_are_in_force() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("file"), "from outside").unwrap();
    let at = outside.path().to_owned();
    let sandbox = Sandbox::start(|config| {
        let bind = |source: PathBuf, target: &str, read_only| SandboxBind {
            source,
            target: PathBuf::from(target),
            read_only,
        };
        config.binds = vec![
            bind(at.clone(), "/data/rw", false),
            bind(at.clone(), "/data/ro", true),
            bind(at.join("file"), "/etc/one-file", true),
        ];
        config.masked = vec![
            PathBuf::from("/etc/passwd-"),
            PathBuf::from("/usr/share/doc"),
        ];
        config.limits = SandboxLimits {
            memory_bytes: Some(256 << 20),
            cpu_milli: Some(1000),
            processes: Some(60),
            open_files: Some(512),
        };
    });
    let Some(sandbox) = sandbox.await else {
        return;
    };
    let line = "cat /etc/one-file; echo new > /data/rw/new; (echo x > /data/ro/x) 2>/dev/null || echo read-only; ls /usr/share/doc | wc -l; ulimit -n";
    assert_eq!(sandbox.shell(line).await, "from outsideread-only\n0\n512\n");
    assert!(outside.path().join("new").exists());
    if sandbox.ready.capabilities.process_limit {
        let line = "for i in $(seq 100); do sleep 5 & done 2>&1 | grep -c fork; kill $(jobs -p) 2>/dev/null; true";
        assert!(!sandbox.shell(line).await.is_empty());
        let status = in_time(sandbox.client.status()).await;
        assert!(status.is_ok(), "init answers although the sandbox is full");
    } else {
        println!(
            "SKIPPED the limit of processes: {:?}",
            sandbox.ready.capabilities.notes
        );
    }
}

#[tokio::test]
async fn two_sandboxes_share_ports_and_nothing_else() {
    let (Some(one), Some(two)) = (Sandbox::start(|_| ()).await, Sandbox::start(|_| ()).await)
    else {
        return;
    };
    for sandbox in [&one, &two] {
        let plan = SetupPlan {
            services: vec![web_service("web", 3000)],
            ..SetupPlan::new("op-1", 1)
        };
        sandbox.client.apply(&plan).await.unwrap();
        let mut reports = sandbox.client.reports(0).await.unwrap();
        let (readiness, reports) = read_until_finished(&mut reports).await;
        assert_eq!(readiness, Readiness::Ready, "{:?}", outline(&reports));
    }
    one.shell("echo secret > /tmp/mine").await;
    assert!(two.shell("cat /tmp/mine").await.contains("No such file"));
}

#[tokio::test]
async fn changes_and_reports_outlive_a_stop() {
    let Some(sandbox) = Sandbox::start(|_| ()).await else {
        return;
    };
    sandbox.shell("echo kept > /srv/kept").await;
    sandbox
        .client
        .apply(&SetupPlan::new("op-1", 1))
        .await
        .unwrap();
    let mut reports = sandbox.client.reports(0).await.unwrap();
    let (_, reports) = read_until_finished(&mut reports).await;
    let last = reports.last().unwrap().number;
    in_time(sandbox.client.stop(Duration::from_secs(1)))
        .await
        .unwrap();
    let gone = in_time(async {
        while Client::connect(sandbox.config.socket()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    gone.await;
    let output = make(&sandbox.config, &[]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let ready: SandboxReady = serde_json::from_slice(&output.stdout).unwrap();
    let again = Client::connect_within(sandbox.config.socket(), PATIENCE)
        .await
        .unwrap();
    assert_eq!(again.status().await.unwrap().last_report, last);
    let spec = ExecSpec::new(["cat", "/srv/kept"]);
    assert_eq!(
        in_time(again.exec_to_end(&spec, 100)).await.unwrap().stdout,
        b"kept\n"
    );
    kill(ready.process_id);
}

#[tokio::test]
async fn what_cannot_be_made_is_told() {
    let Some(base) = base_tree() else {
        return;
    };
    type Change = fn(&mut SandboxConfig);
    let table: [(&str, Change); 4] = [
        ("hostname", |config| config.hostname = "a b".to_owned()),
        ("base tree", |config| {
            config.base = PathBuf::from("/no/such/tree")
        }),
        ("bind source", |config| {
            config.binds = vec![SandboxBind {
                source: PathBuf::from("/no/such/file"),
                target: PathBuf::from("/x"),
                read_only: true,
            }];
        }),
        ("absolute", |config| {
            config.binds = vec![SandboxBind {
                source: PathBuf::from("/etc"),
                target: PathBuf::from("x"),
                read_only: true,
            }];
        }),
    ];
    for (word, change) in table {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path(), base.clone());
        change(&mut config);
        let output = make(&config, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{word}");
        assert!(said.contains(word), "{word}: {said}");
        assert!(!config.ready_file().exists());
    }
}

#[tokio::test]
async fn a_user_without_rights_gets_one_too() {
    const NOBODY: u32 = 65_534;
    let Some(base) = base_tree() else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED the sandbox of a user without rights: the tests do not run as root");
        return;
    }
    let wrap = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let public = tempfile::Builder::new()
        .permissions(PermissionsExt::from_mode(0o755))
        .tempdir();
    let public = public.unwrap();
    let program = public.path().join("nexus-init");
    std::fs::copy(binary(), &program).unwrap();
    let probe = Command::new(wrap[0])
        .args(&wrap[1..])
        .arg(&program)
        .arg("probe")
        .output()
        .unwrap();
    let probe: SandboxProbe = serde_json::from_slice(&probe.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&probe.stderr)));
    if !probe.usable {
        println!(
            "SKIPPED the sandbox of a user without rights: {:?}",
            probe.reasons
        );
        return;
    }
    let config = config(public.path(), reachable(&base, public.path()));
    std::fs::create_dir_all(&config.directory).unwrap();
    std::os::unix::fs::chown(&config.directory, Some(NOBODY), Some(NOBODY)).unwrap();
    let file = config.directory.join("config.json");
    std::fs::write(&file, serde_json::to_vec(&config).unwrap()).unwrap();
    let mut command = Command::new(wrap[0]);
    command
        .args(&wrap[1..])
        .arg(&program)
        .args(["sandbox", "--config"])
        .arg(&file);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let ready: SandboxReady = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(ready.capabilities.ids, IdMode::Single);
    assert!(!ready.capabilities.notes.is_empty(), "what lacks is said");
    let client = Client::connect(config.socket()).await.unwrap();
    let line = "id -u; hostname; echo x > /made && cat /made; cat /proc/1/comm";
    let spec = ExecSpec::new(["sh", "-c", line]);
    let output = in_time(client.exec_to_end(&spec, 1000)).await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "0\nhello\nx\nnexus-init\n"
    );
    let plan = SetupPlan {
        user: WorkUser {
            name: "root".to_owned(),
            uid: 0,
            home: "/root".to_owned(),
        },
        services: vec![web_service("web", 3000)],
        ..SetupPlan::new("op-1", 1)
    };
    client.apply(&plan).await.unwrap();
    let mut reports = client.reports(0).await.unwrap();
    let (readiness, reports) = read_until_finished(&mut reports).await;
    kill(ready.process_id);
    assert_eq!(readiness, Readiness::Ready, "{:?}", outline(&reports));
}

/// A copy of as much of the base as a shell and Python need, where anybody may read it: the usual
/// place is below a home directory.
fn reachable(base: &Path, public: &Path) -> PathBuf {
    let tree = public.join("tree");
    std::fs::create_dir(&tree).unwrap();
    let mut command = Command::new("cp");
    command.args(["-a", "--reflink=auto"]);
    for name in ["bin", "etc", "lib", "lib64", "sbin"] {
        command.arg(base.join(name));
    }
    assert!(command.arg(&tree).status().unwrap().success());
    for name in [
        "usr/bin",
        "usr/lib64",
        "usr/lib/python3.11",
        "usr/lib/x86_64-linux-gnu",
        "usr/sbin",
    ] {
        let target = tree.join(name);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        let mut command = Command::new("cp");
        command
            .args(["-a", "--reflink=auto"])
            .arg(base.join(name))
            .arg(&target);
        assert!(command.status().unwrap().success());
    }
    for name in [
        "tmp", "proc", "dev", "run", "root", "srv", "home", "sys", "var",
    ] {
        let _already_there = std::fs::create_dir_all(tree.join(name));
    }
    tree
}
