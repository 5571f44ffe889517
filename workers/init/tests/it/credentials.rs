//! The owner's secrets: in new processes and files, and nowhere else.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use nexus_init_protocol::{Credentials, FailureCode, SecretText};

use crate::harness::{Init, service};

const CANARY: &str = "canary-5f1c7d";

fn credentials(init: &Init, revision: u64, files: &[&str]) -> Credentials {
    let secret = || SecretText::new(format!("{CANARY}-{revision}"));
    Credentials {
        revision,
        env: [("API_TOKEN".to_owned(), secret())].into(),
        files: files
            .iter()
            .map(|name| (init.path(name).display().to_string(), secret()))
            .collect(),
    }
}

#[tokio::test]
async fn new_processes_have_them_and_the_state_on_disk_has_not() {
    let init = Init::start().await;
    let wanted = credentials(&init, 3, &["home/.netrc"]);
    // Before the plan, so that services have them at their start.
    init.client.set_credentials(&wanted).await.unwrap();
    let mut plan = init.plan("op-1", 1);
    let seen = init.path("seen");
    let line = format!("printf %s \"$API_TOKEN\" > {}", seen.display());
    plan.services = vec![service("tells", &line)];
    let mut stream = init.client.reports(0).await.unwrap();
    init.client.apply(&plan).await.unwrap();
    crate::harness::in_time(async {
        loop {
            let report = stream.next().await.unwrap().unwrap();
            if format!("{:?}", report.event).contains("ServiceExited") {
                return;
            }
        }
    })
    .await;
    let value = format!("{CANARY}-3");
    assert_eq!(std::fs::read_to_string(seen).unwrap(), value);
    let output = init.run(&["sh", "-c", "printf %s \"$API_TOKEN\""]).await;
    assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
    let file = init.path("home/.netrc");
    let metadata = std::fs::metadata(&file).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(metadata.uid(), rustix::process::geteuid().as_raw());
    let state = init.path("state").display().to_string();
    let found = init.run(&["grep", "-r", CANARY, &state]).await;
    assert!(found.stdout.is_empty(), "init keeps no secret on disk");
    let status = init.client.status().await.unwrap();
    assert_eq!(status.credentials_revision, 3);
}

#[tokio::test]
async fn what_is_withdrawn_is_removed_and_what_the_user_changed_is_left() {
    let init = Init::start().await;
    let (a, b) = (init.path("a"), init.path("b"));
    let both = credentials(&init, 1, &["a", "b"]);
    init.client.set_credentials(&both).await.unwrap();
    std::fs::write(&a, "changed by a program").unwrap();
    init.client.set_credentials(&both).await.unwrap();
    let kept = std::fs::read_to_string(&a).unwrap();
    assert_eq!(
        kept, "changed by a program",
        "the same again changes nothing"
    );
    let older = credentials(&init, 0, &[]);
    init.client.set_credentials(&older).await.unwrap();
    assert!(b.exists(), "an older document is ignored");
    // The next life of init remembers where it wrote.
    let again = Init::start_in(init.kill().await).await;
    let mut fewer = credentials(&again, 2, &["a"]);
    fewer.env.clear();
    again.client.set_credentials(&fewer).await.unwrap();
    assert!(!b.exists(), "withdrawn");
    let new = std::fs::read_to_string(&a).unwrap();
    assert_eq!(new, format!("{CANARY}-2"));
    let output = again.run(&["sh", "-c", "echo ${API_TOKEN-none}"]).await;
    assert_eq!(output.stdout, b"none\n");
}

#[tokio::test]
async fn nonsense_is_refused_by_name_and_never_by_value() {
    let init = Init::start().await;
    let mut bad = credentials(&init, 1, &[]);
    bad.files.insert("../x".to_owned(), SecretText::new(CANARY));
    let error = init.client.set_credentials(&bad).await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!(failure.code, FailureCode::Invalid);
    assert!(failure.message.contains("../x") && !failure.message.contains(CANARY));
    let status = init.client.status().await.unwrap();
    assert_eq!(status.credentials_revision, 0);
}
