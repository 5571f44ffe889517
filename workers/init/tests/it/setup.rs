//! Set-up of a repository, from clone to services, and what goes wrong on the way.

use std::path::Path;
use std::process::Command;

use nexus_init_protocol::{
    CommandLine, FailureCode, Readiness, Report, ReportEvent, Repository, SecretFile, SecretText,
    SetupPlan, StepName,
};

use crate::harness::{Init, free_port, outline};

/// A git repository with these files.
pub(crate) fn repository(directory: &Path, files: &[(&str, &str)]) -> Repository {
    std::fs::create_dir_all(directory).unwrap();
    git(directory, &["init", "-q", "-b", "main"]);
    for (name, text) in files {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    git(directory, &["add", "-A"]);
    git(directory, &["commit", "-q", "--allow-empty", "-m", "first"]);
    Repository {
        url: format!("file://{}", directory.display()),
        branch: None,
        depth: None,
        credential: None,
    }
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=T", "-c", "user.email=t@example.com"])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn failure_of(reports: &[Report]) -> nexus_init_protocol::report::StepFailure {
    let found = reports.iter().find_map(|report| match &report.event {
        ReportEvent::StepFailed { failure, .. } => Some(failure.clone()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no step failed: {:?}", outline(reports)))
}

#[tokio::test]
async fn a_repository_with_a_config_becomes_a_workspace() {
    let init = Init::start().await;
    let port = free_port();
    let config = format!(
        "services:\n  web:\n    command: exec python3 -m http.server --bind 127.0.0.1 $PORT\n    port: {port}\n    depends_on: [prepare]\n    health_check: {{type: http, path: /page.txt, interval: 50ms}}\n  prepare:\n    command: echo hello > page.txt\nhooks:\n  post_create: echo created >> hooks.txt\n  post_start: [echo started >> hooks.txt]\n"
    );
    let source = init.path("source");
    let files = [(".nexus/config.yaml", config.as_str()), ("a.txt", "a")];
    let mut plan = init.plan("op-1", 1);
    plan.repository = Some(repository(&source, &files));
    let (readiness, reports) = init.set_up(&plan).await;
    assert_eq!(readiness, Readiness::Ready, "{:?}", outline(&reports));
    let told = outline(&reports);
    let steps = ["ssh", "clone", "install", "hooks"];
    let expected: Vec<String> = steps
        .iter()
        .flat_map(|step| [format!("started {step}"), format!("succeeded {step}")])
        .collect();
    assert_eq!(told[..8], expected);
    let at = |line: &str| {
        told.iter()
            .position(|told| told == line)
            .unwrap_or_else(|| panic!("{line}"))
    };
    assert!(
        at("healthy web") > at("exited prepare exit code 0")
            || at("healthy web") > at("starting prepare 0")
    );
    assert!(at("starting web 0") > at("starting prepare 0"));
    let commit = git(&source, &["rev-parse", "HEAD"]);
    let details = reports.iter().find_map(|report| match &report.event {
        ReportEvent::StepSucceeded {
            step: StepName::Clone,
            detail,
            ..
        } => Some(detail.clone()),
        _ => None,
    });
    let details = details.unwrap();
    assert_eq!(
        (details.commit, details.branch),
        (Some(commit), Some("main".to_owned()))
    );

    // A start after a stop: found, not cloned again; created once, started twice.
    let marker = init.path("work/mine.txt");
    std::fs::write(&marker, "mine").unwrap();
    plan.operation = "op-2".to_owned();
    plan.epoch = 2;
    let (readiness, reports) = init.set_up(&plan).await;
    assert_eq!(readiness, Readiness::Ready, "{:?}", outline(&reports));
    assert!(marker.exists());
    let hooks = std::fs::read_to_string(init.path("work/hooks.txt")).unwrap();
    assert_eq!(hooks, "created\nstarted\nstarted\n");
}

#[tokio::test]
async fn branch_and_depth_are_honoured() {
    let init = Init::start().await;
    let source = init.path("source");
    let mut wanted = repository(&source, &[("a.txt", "a")]);
    git(&source, &["checkout", "-q", "-b", "feature/x"]);
    git(&source, &["commit", "-q", "--allow-empty", "-m", "second"]);
    git(&source, &["checkout", "-q", "main"]);
    wanted.branch = Some("feature/x".to_owned());
    wanted.depth = Some(1);
    let mut plan = init.plan("op-1", 1);
    plan.repository = Some(wanted);
    let (readiness, _) = init.set_up(&plan).await;
    assert_eq!(readiness, Readiness::Ready);
    let work = init.path("work");
    assert_eq!(
        git(&work, &["rev-parse", "--abbrev-ref", "HEAD"]),
        "feature/x"
    );
    assert_eq!(git(&work, &["rev-list", "--count", "HEAD"]), "1");
}

#[tokio::test]
async fn what_cannot_be_cloned_fails_with_its_code() {
    type Change = fn(&mut SetupPlan, &Path);
    let table: [(&str, Change); 3] = [
        ("repository_not_found", |plan, _| {
            plan.repository.as_mut().unwrap().url.push_str("-missing");
        }),
        ("branch_not_found", |plan, _| {
            plan.repository.as_mut().unwrap().branch = Some("missing".to_owned());
        }),
        ("workspace_not_empty", |_, work| {
            std::fs::create_dir_all(work).unwrap();
            std::fs::write(work.join("file"), "").unwrap();
        }),
    ];
    for (code, change) in table {
        let init = Init::start().await;
        let mut plan = init.plan("op-1", 1);
        plan.repository = Some(repository(&init.path("source"), &[]));
        change(&mut plan, &init.path("work"));
        let (readiness, reports) = init.set_up(&plan).await;
        let step = StepName::Clone;
        assert_eq!(readiness, Readiness::Failed { step }, "{code}");
        let failure = failure_of(&reports);
        assert_eq!(failure.code, code, "{failure:?}");
        assert!(failure.hint.is_some(), "{failure:?}");
    }
}

#[tokio::test]
async fn urls_that_run_commands_are_refused_before_anything_is_done() {
    let init = Init::start().await;
    for url in [
        "ext::sh -c id",
        "--upload-pack=id",
        "http://host/a",
        "/srv/a",
        "file://a",
        "",
    ] {
        let mut plan = init.plan("op-1", 1);
        plan.repository = Some(Repository {
            url: url.to_owned(),
            branch: None,
            depth: None,
            credential: None,
        });
        let error = init.client.apply(&plan).await.unwrap_err();
        assert_eq!(
            error.failure().unwrap().code,
            FailureCode::Invalid,
            "{url:?}"
        );
    }
    assert_eq!(init.client.status().await.unwrap().last_report, 0);
}

#[tokio::test]
async fn a_bad_config_makes_the_workspace_partial_and_names_the_place() {
    let table = [
        (
            "services:\n  web:\n    comand: x\n",
            "config_invalid",
            "line 3",
        ),
        (
            "services:\n  a: {command: x, depends_on: [b]}\n  b: {command: x, depends_on: [a]}\n",
            "service_cycle",
            "a → b → a",
        ),
        (
            "services:\n  a: {command: x, depends_on: [zz]}\n",
            "service_dependency_unknown",
            "zz",
        ),
    ];
    for (config, code, word) in table {
        let init = Init::start().await;
        let mut plan = init.plan("op-1", 1);
        plan.repository = Some(repository(
            &init.path("source"),
            &[(".nexus/config.yaml", config)],
        ));
        let (readiness, reports) = init.set_up(&plan).await;
        let expected = Readiness::Partial {
            failed_services: vec![],
            failed_steps: vec![StepName::Services],
        };
        assert_eq!(readiness, expected, "{config}");
        let failure = failure_of(&reports);
        assert_eq!(failure.code, code);
        assert!(failure.cause.contains(word), "{failure:?}");
        assert!(
            init.client.status().await.unwrap().services.is_empty(),
            "nothing was started"
        );
    }
}

#[tokio::test]
async fn failing_hooks_and_installs_make_it_partial_with_the_last_lines() {
    let init = Init::start().await;
    let mut plan = init.plan("op-1", 1);
    let line = "echo doing; echo broken >&2; exit 9";
    plan.hooks.post_start = vec![CommandLine::Shell(line.to_owned())];
    let (readiness, reports) = init.set_up(&plan).await;
    let expected = Readiness::Partial {
        failed_services: vec![],
        failed_steps: vec![StepName::Hooks],
    };
    assert_eq!(readiness, expected);
    let failure = failure_of(&reports);
    assert_eq!(failure.code, "hook_failed");
    assert_eq!(failure.outcome.unwrap().shell_code(), 9);
    assert!(failure.last_lines.contains(&"broken".to_owned()));
    let output = reports.iter().any(|report| {
        matches!(&report.event, ReportEvent::Output { step: StepName::Hooks, text, .. } if text.contains("doing"))
    });
    assert!(output, "output is reported");

    let mut slow = init.plan("op-2", 2);
    slow.hooks.post_start = vec![CommandLine::Shell("sleep 1000".to_owned())];
    slow.timeouts.hook_ms = 100;
    let (_, reports) = init.set_up(&slow).await;
    assert_eq!(failure_of(&reports).code, "step_timed_out");
}

#[tokio::test]
async fn secrets_are_files_in_memory_and_nowhere_else() {
    let init = Init::start().await;
    let mut plan = init.plan("op-1", 1);
    let secret = "canary-4711-secret";
    plan.secret_files = vec![SecretFile {
        name: "token".to_owned(),
        content: SecretText::new(secret),
    }];
    plan.env.insert("COLOUR".to_owned(), "blue".to_owned());
    let (readiness, _) = init.set_up(&plan).await;
    assert_eq!(readiness, Readiness::Ready);
    let line = "cat \"$NEXUS_SECRETS/token\"; stat -c %a \"$NEXUS_SECRETS\" \"$NEXUS_SECRETS/token\"; stat -f -c %T \"$NEXUS_SECRETS\"; echo $COLOUR";
    let output = init.run(&["sh", "-c", line]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, format!("{secret}700\n600\ntmpfs\nblue\n"));
    let output = init.run(&["sh", "-c", "echo $NEXUS_SECRETS"]).await;
    let place = String::from_utf8(output.stdout).unwrap();
    let (directory, _) = init.stop(std::time::Duration::from_secs(1)).await;
    let grep = Command::new("grep")
        .args(["-r", secret])
        .arg(directory.path())
        .output()
        .unwrap();
    assert!(
        grep.stdout.is_empty(),
        "the state directory does not hold it"
    );
    assert!(!Path::new(place.trim()).exists(), "it goes with init");
}

#[tokio::test]
async fn the_host_key_stays_and_bad_keys_are_refused() {
    let host_key = |reports: &[Report]| {
        reports.iter().find_map(|report| match &report.event {
            ReportEvent::StepSucceeded { detail, .. } => detail.host_key.clone(),
            _ => None,
        })
    };
    let init = Init::start().await;
    let (_, reports) = init.set_up(&init.plan("op-1", 1)).await;
    let key = host_key(&reports).unwrap();
    assert!(key.starts_with("ssh-ed25519 AAAA"));
    let init = Init::start_in(init.kill().await).await;
    let (_, reports) = init.set_up(&init.plan("op-2", 2)).await;
    assert_eq!(host_key(&reports), Some(key));
    let mut bad = init.plan("op-3", 3);
    bad.authorized_keys = vec!["no key".to_owned()];
    let (readiness, reports) = init.set_up(&bad).await;
    assert_eq!(
        readiness,
        Readiness::Failed {
            step: StepName::Ssh
        }
    );
    assert_eq!(failure_of(&reports).code, "authorized_key_invalid");
}
