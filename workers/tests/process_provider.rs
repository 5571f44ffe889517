//! The process provider on this machine's own kernel: the contract, what outlives a worker, what a
//! deleted workspace leaves behind (nothing), and the way out.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on fails where it stands, and says what it skips"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nexus_init_protocol::sandbox::SandboxReady;
use nexus_init_protocol::{Client, ExecSpec};
use nexus_workers::conformance::{bring_up, provider_keeps_its_contract, reach, small_spec};
use nexus_workers::init;
use nexus_workers::provider::{MachineSpec, MachineState, Progress, Provider as _};
use nexus_workers::providers::process::{ProcessOptions, ProcessProvider};

const GRACE: Duration = Duration::from_secs(5);

/// Given to the copy of this test that runs as another user: the folder to work in.
const AS_OTHER: &str = "NEXUS_TEST_UNPRIVILEGED";

/// A user nobody is.
const OTHER_USER: u32 = 64_123;

/// A provider in a folder of its own; says why not when there can be none.
async fn provider(folder: &Path, what: &str, range: Option<&str>) -> Option<ProcessProvider> {
    let skip = |reason: String| {
        eprintln!("SKIPPED {what}: {reason}");
        None
    };
    let binary = match init::locate_for_tests() {
        Ok(binary) => binary,
        Err(error) => return skip(error.to_string()),
    };
    let mut options = ProcessOptions::new(folder, binary, "test").unwrap();
    if let Some(range) = range {
        options.range = Some(range.parse().unwrap());
    }
    if !options.base_tree.exists() {
        return skip(format!("no base tree at {}", options.base_tree.display()));
    }
    let provider = ProcessProvider::new(options).unwrap();
    match provider.profile().await {
        Ok(_) => Some(provider),
        Err(error) => skip(error.to_failure().cause),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_is_kept_as_whoever_runs_this() {
    let folder = tempfile::tempdir().unwrap();
    let what = "the contract of the process provider";
    let Some(provider) = provider(folder.path(), what, None).await else {
        return;
    };
    provider_keeps_its_contract(&provider).await;
}

/// Run again as a user without any right, in a mount namespace where that user sees the base tree.
#[test]
fn the_contract_is_kept_without_rights() {
    let what = "the contract of the process provider without rights";
    if !rustix::process::geteuid().is_root() {
        return eprintln!("SKIPPED {what}: only root can become another user for it");
    }
    let binary = match init::locate_for_tests() {
        Ok(binary) => binary,
        Err(error) => return eprintln!("SKIPPED {what}: {error}"),
    };
    let options = ProcessOptions::new("/nowhere", &binary, "test").unwrap();
    let Ok(base) = options.base_tree.canonicalize() else {
        return eprintln!(
            "SKIPPED {what}: no base tree at {}",
            options.base_tree.display()
        );
    };
    let stage = tempfile::Builder::new()
        .prefix("nexus-other-")
        .tempdir()
        .unwrap();
    let script = r#"
        set -eu
        chmod 755 "$1"; mkdir "$1/base" "$1/home"
        mount --bind "$2" "$1/base"
        cp "$3" "$1/test"; cp "$4" "$1/nexus-init"; chmod 755 "$1/test" "$1/nexus-init"
        chown "$5:$5" "$1/home"
        cd "$1/home"
        exec setpriv --reuid "$5" --regid "$5" --clear-groups \
            env HOME="$1/home" TMPDIR="$1/home" NEXUS_INIT="$1/nexus-init" \
                NEXUS_BASE_TREE="$1/base" NEXUS_TEST_UNPRIVILEGED="$1/home" \
                "$1/test" --exact inside_the_other_user --nocapture --include-ignored"#;
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        script,
        "sh",
    ]);
    command
        .arg(stage.path())
        .arg(base)
        .arg(std::env::current_exe().unwrap())
        .arg(binary);
    command.arg(OTHER_USER.to_string());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return eprintln!("SKIPPED {what}: unshare: {error}"),
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    eprint!(
        "{}",
        said.lines()
            .filter(|line| line.starts_with("SKIPPED"))
            .collect::<String>()
    );
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

/// What the test above runs; by itself it has nobody to be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside_the_other_user() {
    let Some(folder) = std::env::var_os(AS_OTHER) else {
        return;
    };
    assert_eq!(rustix::process::geteuid().as_raw(), OTHER_USER);
    let folder = tempfile::tempdir_in(folder).unwrap();
    let what = "the contract of the process provider without rights";
    let Some(provider) = provider(folder.path(), what, None).await else {
        return;
    };
    eprintln!("{}", provider.profile().await.unwrap().engine);
    provider_keeps_its_contract(&provider).await;
    let spec = small_spec("scratch");
    bring_up(&provider, &spec).await;
    let client = reach(&provider, spec.workspace).await;
    let write =
        "for place in /tmp /var/tmp /home/dev /dev/shm; do echo x > $place/x || exit 1; done";
    let written = client
        .exec_to_end(&ExecSpec::new(["sh", "-c", write]), 4096)
        .await;
    assert!(
        written.unwrap().outcome.is_success(),
        "a user has somewhere to write"
    );
    provider.delete(spec.workspace).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_outlives_its_worker_and_is_found_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let what = "a sandbox outliving its worker";
    let Some(first) = provider(folder.path(), what, None).await else {
        return;
    };
    let spec = small_spec("outlive");
    let machine = bring_up(&first, &spec).await;
    let boot = reach(&first, spec.workspace)
        .await
        .welcome()
        .unwrap()
        .boot_id
        .clone();
    let process = ready(&first, &spec).process_id;
    let session = rustix::process::Pid::from_raw(process.cast_signed());
    let ours = rustix::process::getsid(None).unwrap();
    assert_ne!(
        rustix::process::getsid(session).unwrap(),
        ours,
        "it has a session of its own"
    );
    drop(first);
    let second = provider(folder.path(), what, None).await.unwrap();
    let listed = second.list_owned().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].running && listed[0].handle == machine.handle);
    second.start(&spec).await.unwrap();
    let client = reach(&second, spec.workspace).await;
    assert_eq!(
        client.welcome().unwrap().boot_id,
        boot,
        "the same init, not another"
    );
    second.delete(spec.workspace).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_nobody_asked_for_is_told_from_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let Some(provider) = provider(folder.path(), "an unasked end", None).await else {
        return;
    };
    let spec = small_spec("killed");
    bring_up(&provider, &spec).await;
    let socket = reach(&provider, spec.workspace).await.ssh().await;
    kill(&ready(&provider, &spec));
    drop(socket);
    let cause = wait_until_stopped(&provider, &spec).await;
    assert!(cause.contains("without being asked"), "{cause}");
    provider.start(&spec).await.unwrap();
    reach(&provider, spec.workspace).await;
    provider.stop(spec.workspace, GRACE).await.unwrap();
    let cause = wait_until_stopped(&provider, &spec).await;
    assert!(cause.contains("as asked"), "{cause}");
    provider.delete(spec.workspace).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_deleted_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let range = "10.213.128.0/24";
    let what = "nothing left of a deleted workspace";
    let Some(provider) = provider(folder.path(), what, Some(range)).await else {
        return;
    };
    // The first one makes the folders that stay.
    let spec = small_spec("first");
    bring_up(&provider, &spec).await;
    provider.delete(spec.workspace).await.unwrap();
    let before = traces(folder.path(), range);
    let specs = [small_spec("left"), small_spec("left-too")];
    for spec in &specs {
        bring_up(&provider, spec).await;
        let client = reach(&provider, spec.workspace).await;
        // Somebody who tries to stay: in a session of his own, deaf to signals.
        let stay =
            "trap '' TERM HUP; setsid sleep 3600 & mkdir -m 0 /home/dev/closed; sleep 3600 &";
        let spec = ExecSpec::new(["sh", "-c", stay]);
        client.exec_to_end(&spec, 1024).await.unwrap();
    }
    assert_ne!(
        traces(folder.path(), range),
        before,
        "something runs that can be seen"
    );
    provider
        .stop(specs[0].workspace, Duration::from_millis(300))
        .await
        .unwrap();
    for spec in &specs {
        provider.delete(spec.workspace).await.unwrap();
    }
    assert_eq!(traces(folder.path(), range), before);
}

/// A firewall that is loaded anew forgets ours; so does a reboot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_were_dropped_are_back_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let (range, chain) = ("10.213.129.0/24", "NEXUS-10.213.129.0-24");
    let what = "rules brought back";
    let Some(provider) = provider(folder.path(), what, Some(range)).await else {
        return;
    };
    if tool("iptables-save", &[]).is_empty() || !rustix::process::geteuid().is_root() {
        return eprintln!("SKIPPED {what}: no rules are made with iptables here");
    }
    let spec = small_spec("rules");
    bring_up(&provider, &spec).await;
    let rules = || -> BTreeSet<String> {
        let saved = tool("iptables-save", &[]);
        let ours = saved
            .lines()
            .filter(|line| line.contains(chain) && line.starts_with('-'));
        ours.map(str::to_owned).collect()
    };
    let before = rules();
    assert_eq!(before.len(), 8, "{before:?}");
    tool("iptables", &["-w", "10", "-D", "FORWARD", "-j", chain]);
    tool("iptables", &["-w", "10", "-F", chain]);
    assert_ne!(rules(), before);
    provider.stop(spec.workspace, GRACE).await.unwrap();
    provider.start(&spec).await.unwrap();
    assert_eq!(rules(), before);
    provider.delete(spec.workspace).await.unwrap();
    assert!(
        rules().is_empty(),
        "the last workspace of a range takes its rules along"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_machine_is_listed_made_whole_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(provider) = provider(folder.path(), "half a machine", None).await else {
        return;
    };
    let spec = small_spec("half");
    bring_up(&provider, &spec).await;
    provider.stop(spec.workspace, GRACE).await.unwrap();
    let directory = directory(&provider, &spec);
    std::fs::write(directory.join("home/kept"), "").unwrap();
    std::fs::write(directory.join("upper/garbage"), "").unwrap();
    std::fs::rename(directory.join("meta.json"), directory.join("making.json")).unwrap();
    assert_eq!(
        provider.observe(spec.workspace).await.unwrap().state,
        MachineState::Absent
    );
    assert_eq!(
        provider.list_owned().await.unwrap().len(),
        1,
        "half of it is ours too"
    );
    bring_up(&provider, &spec).await;
    assert!(
        directory.join("home/kept").exists(),
        "home outlives the machine"
    );
    assert!(!directory.join("upper/garbage").exists());
    provider.delete(spec.workspace).await.unwrap();
    assert!(!directory.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_the_kernel_s() {
    let folder = tempfile::tempdir().unwrap();
    let Some(provider) = provider(folder.path(), "limits", None).await else {
        return;
    };
    if !provider
        .profile()
        .await
        .unwrap()
        .capabilities
        .hard_memory_limit
    {
        return eprintln!("SKIPPED limits: no control groups can be made here");
    }
    let mut spec = small_spec("limits");
    spec.resources.memory_mib = 96;
    bring_up(&provider, &spec).await;
    let client = reach(&provider, spec.workspace).await;
    let greedy = "x = bytearray(1 << 28); x[::4096] = b'1' * len(x[::4096])";
    let spec_of = ExecSpec::new(["python3", "-c", greedy]);
    let output = client.exec_to_end(&spec_of, 4096).await.unwrap();
    assert_ne!(output.outcome.shell_code(), 0, "256 MiB do not fit into 96");
    let modest = ExecSpec::new(["python3", "-c", "bytearray(1 << 20)"]);
    let output = client.exec_to_end(&modest, 4096).await.unwrap();
    assert!(output.outcome.is_success(), "the workspace goes on");
    provider.delete(spec.workspace).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn root_inside_is_not_root_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let Some(provider) = provider(folder.path(), "rights inside", None).await else {
        return;
    };
    let spec = small_spec("rights");
    bring_up(&provider, &spec).await;
    let client = reach(&provider, spec.workspace).await;
    for (attempt, script) in [
        ("mounting", "mount -t tmpfs none /mnt"),
        (
            "making a device",
            "mknod /tmp/disk b 8 0 && head -c 1 /tmp/disk",
        ),
        (
            "writing the kernel's settings",
            "echo x > /proc/sys/kernel/core_pattern",
        ),
        ("the magic key", "echo h > /proc/sysrq-trigger"),
        ("seeing the host's files", "ls /work /var/lib/docker"),
        (
            "killing the host's processes",
            "kill -0 $(($(cat /proc/sys/kernel/pid_max) - 1))",
        ),
        ("naming the host", "hostname other"),
    ] {
        let mut spec = ExecSpec::new(["sh", "-c", script]);
        spec.user = Some("root".into());
        let output = client.exec_to_end(&spec, 4096).await.unwrap();
        assert_ne!(output.outcome.shell_code(), 0, "{attempt} has to fail");
    }
    provider.delete(spec.workspace).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_resolved_and_the_machine_s_registries_reached() {
    let folder = tempfile::tempdir().unwrap();
    let what = "the way out of a sandbox";
    let Some(provider) = provider(folder.path(), what, None).await else {
        return;
    };
    let index = "python3 -m pip download --quiet --no-deps --no-binary :none: --dest /tmp six";
    let mut outside = Command::new("sh");
    outside
        .arg("-c")
        .arg(index.replace("/tmp", "\"$0\""))
        .arg(folder.path());
    if !outside.output().is_ok_and(|output| output.status.success()) {
        return eprintln!("SKIPPED {what}: this machine itself reaches no registry");
    }
    let spec = small_spec("outbound");
    bring_up(&provider, &spec).await;
    let client = reach(&provider, spec.workspace).await;
    for command in [index, "cd /tmp && npm pack --silent left-pad"] {
        let spec = ExecSpec::new(["sh", "-c", command]);
        let output = client.exec_to_end(&spec, 1 << 16).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.outcome.is_success(), "{command}: {said}");
    }
    provider.delete(spec.workspace).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workspaces_listen_at_one_port_and_do_not_reach_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let what = "networks apart";
    let Some(provider) = provider(folder.path(), what, None).await else {
        return;
    };
    if !provider.profile().await.unwrap().capabilities.own_network {
        return eprintln!("SKIPPED {what}: workspaces share the host's network here");
    }
    let specs = [small_spec("port-one"), small_spec("port-two")];
    let mut addresses = Vec::new();
    for spec in &specs {
        bring_up(&provider, spec).await;
        let client = reach(&provider, spec.workspace).await;
        let listen = "python3 -m http.server 8080 >/dev/null 2>&1 & \
            until curl -s -o /dev/null http://127.0.0.1:8080; do sleep 0.05; done; hostname -I";
        let spec = ExecSpec::new(["sh", "-c", listen]);
        let output = client.exec_to_end(&spec, 4096).await.unwrap();
        assert!(output.outcome.is_success());
        addresses.push(String::from_utf8(output.stdout).unwrap().trim().to_owned());
    }
    let client = Client::connect(provider.init_socket(specs[0].workspace))
        .await
        .unwrap();
    let url = format!("http://{}:8080", addresses[1]);
    let spec = ExecSpec::new(["curl", "-s", "--max-time", "1", &url]);
    let output = client.exec_to_end(&spec, 4096).await.unwrap();
    assert!(!output.outcome.is_success(), "{url} has to be out of reach");
    for spec in &specs {
        provider.delete(spec.workspace).await.unwrap();
    }
}

#[tokio::test]
async fn a_missing_base_tree_says_how_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    let what = "a missing base tree";
    let Some(_works) = provider(folder.path(), what, None).await else {
        return;
    };
    let binary = init::locate_for_tests().unwrap();
    let mut options = ProcessOptions::new(folder.path(), binary, "test").unwrap();
    options.base_tree = folder.path().join("nothing");
    let provider = ProcessProvider::new(options).unwrap();
    let error = provider
        .prepare_image(&small_spec("bare"), &Progress::default())
        .await;
    let failure = error.unwrap_err().to_failure();
    assert!(failure.hint.contains("./dev image"), "{failure:?}");
    assert!(
        provider.list_owned().await.unwrap().is_empty(),
        "nothing was made"
    );
}

fn directory(provider: &ProcessProvider, spec: &MachineSpec) -> PathBuf {
    let socket = provider.init_socket(spec.workspace);
    socket.parent().and_then(Path::parent).unwrap().to_owned()
}

fn ready(provider: &ProcessProvider, spec: &MachineSpec) -> SandboxReady {
    let text = std::fs::read(directory(provider, spec).join("run/ready")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn kill(ready: &SandboxReady) {
    let process = rustix::process::Pid::from_raw(ready.process_id.cast_signed()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
}

async fn wait_until_stopped(provider: &ProcessProvider, spec: &MachineSpec) -> String {
    loop {
        let observed = provider.observe(spec.workspace).await.unwrap();
        if let MachineState::Stopped(exit) = observed.state {
            return exit.cause;
        }
        tokio::task::yield_now().await;
    }
}

/// Everything of this test that can be seen from the host.
fn traces(folder: &Path, range: &str) -> BTreeSet<String> {
    let folder = folder.canonicalize().unwrap();
    let folder = folder.to_str().unwrap();
    let label = range.replace('/', "-");
    let mut traces = BTreeSet::new();
    let mut keep = |kind: &str, text: String| {
        let is_ours = |line: &&str| line.contains(folder) || line.contains(&label);
        traces.extend(
            text.lines()
                .filter(is_ours)
                .map(|line| format!("{kind} {line}")),
        );
    };
    keep("mount", std::fs::read_to_string("/proc/mounts").unwrap());
    keep("rule", tool("iptables-save", &[]));
    keep("process", tool("ps", &["-eo", "args"]));
    keep("file", tool("find", &[folder, "-maxdepth", "2"]));
    keep("slot", tool("find", &["/run/nexus/process-network"]));
    let prefix = "nexus0ad580";
    let links = tool("ip", &["-o", "link"]);
    traces.extend(
        links
            .lines()
            .filter(|line| line.contains(prefix))
            .map(str::to_owned),
    );
    let groups = tool(
        "find",
        &["/sys/fs/cgroup", "-maxdepth", "3", "-path", "*/nexus/ws-*"],
    );
    let ours: BTreeSet<String> = std::fs::read_dir(Path::new(folder).join("workspaces"))
        .map(|entries| {
            entries
                .flatten()
                .map(|e| e.file_name().into_string().unwrap())
                .collect()
        })
        .unwrap_or_default();
    let of_ours = groups
        .lines()
        .filter(|line| ours.iter().any(|name| line.ends_with(name.as_str())));
    traces.extend(of_ours.map(str::to_owned));
    traces
}

fn tool(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
}
