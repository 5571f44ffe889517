//! What is made, what stays, and what is refused.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;

fn plan(folder: &Path, workers: &[&str]) -> Plan {
    let nodes = ["a=10.0.0.1", "b=10.0.0.2", "c=nats-c.example.com"];
    Plan {
        folder: folder.to_owned(),
        nodes: nodes.map(|node| node.parse().unwrap()).into(),
        workers: workers
            .iter()
            .map(|name| format!("{name}=process").parse().unwrap())
            .collect(),
    }
}

/// Every file below, with its content.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.clone(), std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn it_is_private_and_the_same_again() {
    let home = tempfile::tempdir().unwrap();
    init(&plan(home.path(), &["one"])).unwrap();
    let first = files(home.path());
    for path in first.keys() {
        let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
        let extension = path.extension().unwrap_or_default();
        assert!(
            extension != "new" && extension != "csr" && extension != "cnf",
            "{path:?}"
        );
    }
    init(&plan(home.path(), &["one"])).unwrap();
    assert_eq!(files(home.path()), first);
}

#[test]
fn a_worker_is_added_and_nobody_else_changes() {
    let home = tempfile::tempdir().unwrap();
    init(&plan(home.path(), &["one"])).unwrap();
    let first = files(home.path());
    let more = Plan {
        nodes: Vec::new(),
        ..plan(home.path(), &["two"])
    };
    init(&more).unwrap();
    let second = files(home.path());
    for (path, content) in first {
        let changes = path.ends_with("accounts.conf") || path.ends_with("cluster.json");
        assert_eq!(second[&path] != content, changes, "{}", path.display());
    }
    let accounts = &second[&home.path().join("nodes/a/accounts.conf")];
    let accounts = String::from_utf8_lossy(accounts);
    assert!(accounts.contains("# worker-one") && accounts.contains("# worker-two"));
}

#[test]
fn what_the_servers_know_of_users_is_public() {
    let home = tempfile::tempdir().unwrap();
    init(&plan(home.path(), &["one"])).unwrap();
    let all = files(home.path());
    let seeds: Vec<String> = all
        .iter()
        .filter(|(path, _)| path.ends_with("seed.nk"))
        .map(|(_, content)| String::from_utf8_lossy(content).trim().to_owned())
        .collect();
    assert_eq!(
        seeds.len(),
        4,
        "of the control plane, a worker and two persons"
    );
    for (path, content) in &all {
        if path.starts_with(home.path().join("nodes")) {
            let text = String::from_utf8_lossy(content);
            let holds = seeds.iter().any(|seed| text.contains(seed.as_str()));
            assert!(!holds, "a seed in {}", path.display());
            let is_key = path.extension().is_some_and(|extension| extension == "key");
            assert_eq!(text.contains("PRIVATE KEY"), is_key, "{}", path.display());
        }
    }
    let seed = &all[&home.path().join("clients/worker-one/seed.nk")];
    assert!(seed.starts_with(b"SU"), "a user's seed");
}

#[test]
fn certificates_say_what_they_are_for() {
    let home = tempfile::tempdir().unwrap();
    init(&plan(home.path(), &[])).unwrap();
    let says = |path: &str| {
        let shown = Command::new("openssl")
            .args([
                "x509",
                "-noout",
                "-ext",
                "subjectAltName,extendedKeyUsage",
                "-in",
            ])
            .arg(home.path().join(path))
            .output()
            .unwrap();
        String::from_utf8(shown.stdout).unwrap()
    };
    let node = says("nodes/a/node.pem");
    assert!(
        node.contains("IP Address:10.0.0.1") && !node.contains("Client"),
        "{node}"
    );
    assert!(says("nodes/c/route.pem").contains("DNS:nats-c.example.com"));
    let client = says("clients/operator/client.pem");
    assert!(
        client.contains("Client") && !client.contains("Server"),
        "{client}"
    );
}

#[test]
fn whoever_is_a_day_behind_takes_a_certificate_for_valid_at_once() {
    let home = tempfile::tempdir().unwrap();
    init(&plan(home.path(), &["one"])).unwrap();
    let valid = |authority: &str, certificate: &str, hours: i64| {
        let at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours);
        let verified = Command::new("openssl")
            .args(["verify", "-attime", &at.as_second().to_string(), "-CAfile"])
            .args([home.path().join(authority), home.path().join(certificate)])
            .output()
            .unwrap();
        verified.status.success()
    };
    for (authority, certificate) in [
        ("authority/clients.pem", "nodes/a/node.pem"),
        ("authority/routes.pem", "nodes/c/route.pem"),
        ("authority/clients.pem", "clients/worker-one/client.pem"),
    ] {
        for hours in [0, 1, 24, -24 * 824] {
            assert!(
                valid(authority, certificate, hours),
                "{certificate} {hours}"
            );
        }
        for hours in [26, -24 * 826] {
            assert!(
                !valid(authority, certificate, hours),
                "{certificate} {hours}"
            );
        }
    }
}

#[test]
fn words_that_would_break_a_file_are_refused() {
    for wrong in [
        "a", "a=", "=h", "A=h", "a b=h", "../a=h", "-a=h", "a=h\"", "a=h\nx", "a=-h", "a=h:1",
        "a=h/..",
    ] {
        assert!(wrong.parse::<Node>().is_err(), "{wrong}");
    }
    for good in [
        "a=h",
        "nats-1=10.0.0.1",
        "b=nats.example.com",
        "c=2001:db8::1",
    ] {
        assert!(good.parse::<Node>().is_ok(), "{good}");
    }
}

#[test]
fn a_worker_has_the_rights_of_its_node_and_is_told_which_it_is() {
    let home = tempfile::tempdir().unwrap();
    init(&plan(home.path(), &["one", "two"])).unwrap();
    let all = files(home.path());
    let text = |path: &str| String::from_utf8_lossy(&all[&home.path().join(path)]).into_owned();
    let node = |worker: &str| {
        let environment = text(&format!("clients/worker-{worker}/nats.env"));
        let line = environment
            .lines()
            .find_map(|line| line.strip_prefix("NEXUS_NODE="));
        line.unwrap().to_owned()
    };
    assert_ne!(node("one"), node("two"));
    let accounts = text("nodes/a/accounts.conf");
    let mut lines = accounts
        .lines()
        .skip_while(|line| line.trim() != "# worker-one");
    let rights = lines.nth(1).unwrap();
    assert!(
        rights.contains(&node("one")) && !rights.contains(&node("two")),
        "{rights}"
    );

    let mut other = plan(home.path(), &[]);
    other.workers.push("one=docker".parse().unwrap());
    let error = init(&other).unwrap_err();
    assert!(
        matches!(error, ClusterError::OtherWorker { .. }),
        "{error:?}"
    );
}

#[test]
fn two_servers_are_no_cluster_and_others_need_another_folder() {
    let home = tempfile::tempdir().unwrap();
    let mut two = plan(home.path(), &[]);
    two.nodes.pop();
    assert!(matches!(init(&two), Err(ClusterError::HowMany(2))));
    init(&plan(home.path(), &[])).unwrap();
    let mut others = plan(home.path(), &[]);
    others.nodes.reverse();
    let error = init(&others).unwrap_err();
    assert!(
        matches!(error, ClusterError::OtherNodes { .. }),
        "{error:?}"
    );
}
