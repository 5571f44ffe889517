//! One init per test: started, connected to, stopped; nothing is left behind.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nexus_init_protocol::client::{ExecOutput, ReportStream};
use nexus_init_protocol::{
    Client, CommandLine, ExecSpec, HealthCheck, HealthProbe, Readiness, Report, ReportEvent,
    RestartPolicy, ServiceSpec, SetupPlan, WorkUser,
};

/// No wait of a test lasts longer; all of them wait for events.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One running init.
pub(crate) struct Init {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) client: Client,
    child: Child,
}

impl Init {
    /// Starts an init with an empty state.
    pub(crate) async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    /// Starts an init on what an earlier one left.
    pub(crate) async fn start_in(directory: tempfile::TempDir) -> Self {
        let child = spawn(directory.path());
        let client = Client::connect_within(socket(directory.path()), PATIENCE)
            .await
            .unwrap();
        Self {
            directory,
            client,
            child,
        }
    }

    /// A path below the test's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The number of its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// A plan for this test: the user who runs it, a directory of its own.
    pub(crate) fn plan(&self, operation: &str, epoch: u64) -> SetupPlan {
        SetupPlan {
            user: this_user(),
            workspace_directory: self.path("work").display().to_string(),
            ..SetupPlan::new(operation, epoch)
        }
    }

    /// Applies a plan and collects its reports up to the last.
    pub(crate) async fn set_up(&self, plan: &SetupPlan) -> (Readiness, Vec<Report>) {
        let after = self.client.status().await.unwrap().last_report;
        assert!(!self.client.apply(plan).await.unwrap(), "a new plan");
        let mut stream = self.client.reports(after).await.unwrap();
        read_until_finished(&mut stream).await
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, argv: &[&str]) -> ExecOutput {
        let spec = ExecSpec::new(argv.iter().copied());
        in_time(self.client.exec_to_end(&spec, 1 << 20))
            .await
            .unwrap()
    }

    /// Stops init by its own protocol; returns the test's directory and the exit code.
    pub(crate) async fn stop(mut self, grace: Duration) -> (tempfile::TempDir, Option<i32>) {
        in_time(self.client.stop(grace)).await.unwrap();
        let code = wait(&mut self.child).await;
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        (directory, code)
    }

    /// Sends TERM to init and returns its exit code.
    pub(crate) async fn terminate(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        wait(&mut self.child).await
    }

    /// Kills init without any warning, as a machine that loses its power.
    pub(crate) async fn kill(mut self) -> tempfile::TempDir {
        self.child.kill().unwrap();
        wait(&mut self.child).await;
        std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap())
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _gone_already = self.child.wait();
    }
}

fn spawn(directory: &Path) -> Child {
    Command::new(binary())
        .arg("serve")
        .arg("--state")
        .arg(directory.join("state"))
        .arg("--socket")
        .arg(socket(directory))
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

/// The binary cargo has built for these tests, next to them. (Its environment variable does not reach
/// the compiler through the workspace's wrapper: a shell drops names with a hyphen.)
pub(crate) fn binary() -> PathBuf {
    let this_test = std::env::current_exe().unwrap();
    this_test
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("nexus-init")
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("run/init.sock")
}

async fn wait(child: &mut Child) -> Option<i32> {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(std::time::Instant::now() < deadline, "init does not end");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Reads reports up to the end of a set-up.
pub(crate) async fn read_until_finished(stream: &mut ReportStream) -> (Readiness, Vec<Report>) {
    let mut reports = Vec::new();
    loop {
        let report = in_time(stream.next())
            .await
            .unwrap()
            .expect("a followed stream has no end");
        reports.push(report.clone());
        if let ReportEvent::SetupFinished { readiness, .. } = report.event {
            return (readiness, reports);
        }
    }
}

/// Fails the test instead of waiting for ever.
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it takes too long")
}

/// Whoever runs the tests; nothing on the machine is changed for it.
pub(crate) fn this_user() -> WorkUser {
    WorkUser {
        name: match rustix::process::geteuid().is_root() {
            true => "root".to_owned(),
            false => "somebody".to_owned(),
        },
        uid: rustix::process::geteuid().as_raw(),
        home: "/root".to_owned(),
    }
}

/// A service that runs a shell line.
pub(crate) fn service(name: &str, line: &str) -> ServiceSpec {
    ServiceSpec {
        name: name.to_owned(),
        command: CommandLine::Shell(line.to_owned()),
        port: None,
        depends_on: Vec::new(),
        health_check: None,
        env: std::collections::BTreeMap::new(),
        directory: None,
        restart: RestartPolicy::Never,
        stop_grace_ms: 2_000,
    }
}

/// A service that serves the workspace directory over HTTP.
pub(crate) fn web_service(name: &str, port: u16) -> ServiceSpec {
    let line = format!("exec python3 -m http.server --bind 127.0.0.1 {port}");
    let mut check = HealthCheck::new(HealthProbe::Http {
        port: None,
        path: "/".to_owned(),
    });
    check.interval_ms = 50;
    check.start_timeout_ms = 20_000;
    ServiceSpec {
        port: Some(port),
        health_check: Some(check),
        ..service(name, &line)
    }
}

/// A port nobody listens on at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The reports of a set-up in short: `step-started clone`, `service-healthy web`, …
pub(crate) fn outline(reports: &[Report]) -> Vec<String> {
    reports
        .iter()
        .filter_map(|report| line(&report.event))
        .collect()
}

fn line(event: &ReportEvent) -> Option<String> {
    Some(match event {
        ReportEvent::StepStarted { step } => format!("started {step}"),
        ReportEvent::StepSucceeded { step, .. } => format!("succeeded {step}"),
        ReportEvent::StepFailed { step, failure, .. } => format!("failed {step} {}", failure.code),
        ReportEvent::ServiceStarting {
            service, attempt, ..
        } => {
            format!("starting {service} {attempt}")
        }
        ReportEvent::ServiceHealthy { service, .. } => format!("healthy {service}"),
        ReportEvent::ServiceUnhealthy { service, .. } => format!("unhealthy {service}"),
        ReportEvent::ServiceExited {
            service, outcome, ..
        } => format!("exited {service} {outcome}"),
        ReportEvent::SetupFinished { .. } => "finished".to_owned(),
        ReportEvent::Output { .. } | ReportEvent::Activity { .. } => return None,
    })
}
