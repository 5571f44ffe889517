//! User certificates: whom they name, what they allow, how long, and who gets one.

use jiff::SignedDuration;
use nexus_control_plane::commands::CommandError;
use nexus_control_plane::identity::Identity;
use nexus_events::id::WorkspaceId;
use nexus_events::problem::{Problem, ProblemCode};
use nexus_events::spec::Provider;
use nexus_events::user::User;
use nexus_events::view::{CertificateReply, CertificateRequest};
use nexus_nats::Repository;

use crate::keys::{KeyPair, told};
use crate::world::World;

async fn certify(
    world: &World,
    who: &Identity,
    key: &KeyPair,
    workspace: Option<&str>,
    valid_seconds: Option<u32>,
) -> Result<CertificateReply, CommandError> {
    let request = CertificateRequest {
        public_key: key.public(),
        workspace: workspace.map(str::to_owned),
        valid_seconds,
    };
    let commands = world.app.commands();
    let written = commands
        .issue_certificate(who, request, &world.context())
        .await?;
    Ok(written.value)
}

/// What `ssh-keygen -L` says, line by line.
fn read(key: &KeyPair, reply: &CertificateReply) -> Vec<String> {
    std::fs::write(key.certificate(), &reply.certificate).unwrap();
    let text = told(&["-L", "-f"], &key.certificate());
    text.lines().map(|line| line.trim().to_owned()).collect()
}

fn has(lines: &[String], wanted: impl AsRef<str>) -> bool {
    lines.iter().any(|line| line == wanted.as_ref())
}

#[tokio::test]
async fn openssh_reads_what_is_issued() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    let (one, two) = (
        world.create(&ada, "one").await,
        world.create(&ada, "two").await,
    );
    let key = KeyPair::ed25519();
    let reply = certify(&world, &ada, &key, None, None).await.unwrap();
    let mut opened = reply.principals.clone();
    opened.sort();
    let mut both = [one.workspace, two.workspace];
    both.sort();
    assert_eq!(opened, both);
    let hour = SignedDuration::from_hours(1);
    assert_eq!(reply.valid_before, world.clock.now() + hour);

    let lines = read(&key, &reply);
    let user = ada.user().unwrap();
    assert!(has(
        &lines,
        "Type: ssh-ed25519-cert-v01@openssh.com user certificate"
    ));
    assert!(has(
        &lines,
        format!("Public key: ED25519-CERT {}", key.fingerprint())
    ));
    assert!(has(&lines, format!("Key ID: \"{user}\"")));
    for workspace in [one.workspace, two.workspace] {
        assert!(has(&lines, workspace.to_string()), "{lines:?}");
    }
    assert!(has(&lines, "Critical Options: (none)"));
    let at = lines.iter().position(|line| line == "Extensions:").unwrap();
    let allowed = [
        "permit-agent-forwarding",
        "permit-port-forwarding",
        "permit-pty",
    ];
    assert_eq!(lines[at + 1..], allowed);

    // OpenSSH has checked the signature; whose it is stands beside it.
    let authority = tempfile::NamedTempFile::new().unwrap();
    let line = world.app.authorities().user_authority();
    std::fs::write(authority.path(), line).unwrap();
    let printed = told(&["-l", "-f"], authority.path());
    let fingerprint = printed.split(' ').nth(1).unwrap();
    let signer = lines
        .iter()
        .find(|line| line.starts_with("Signing CA:"))
        .unwrap();
    assert!(signer.contains(fingerprint), "{signer}");
}

#[tokio::test]
async fn one_workspace_is_asked_for_by_name_and_a_foreign_one_is_not_there() {
    let world = World::in_memory().await;
    let (ada, bob) = (world.person("ada", 1).await, world.person("bob", 2).await);
    world.node(Provider::Fake).await;
    let hers = world.create(&ada, "hello").await.workspace;
    world.create(&ada, "other").await;
    let key = KeyPair::ed25519();
    let reply = certify(&world, &ada, &key, Some("hello"), Some(600))
        .await
        .unwrap();
    assert_eq!(reply.principals, [hers]);

    let none = WorkspaceId::derived("none").to_string();
    for text in [hers.to_string().as_str(), "hello", &none, "../x"] {
        let refused = certify(&world, &bob, &key, Some(text), None).await;
        let problem = Problem::from(refused.unwrap_err());
        assert_eq!(problem.code, ProblemCode::NotFound, "{text}");
    }
    // Nobody is named by naming nothing: a certificate without principals would open everything.
    let refused = certify(&world, &bob, &key, None, None).await.unwrap_err();
    assert_eq!(Problem::from(refused).code, ProblemCode::ValidationError);
    let refused = certify(&world, &Identity::Operator, &key, None, None).await;
    assert_eq!(
        Problem::from(refused.unwrap_err()).errors[0].field,
        "workspace"
    );
    let reply = certify(
        &world,
        &Identity::Operator,
        &key,
        Some(&hers.to_string()),
        None,
    )
    .await;
    assert!(has(
        &read(&key, &reply.unwrap()),
        format!("Key ID: \"{}\"", ada.user().unwrap())
    ));
}

#[tokio::test]
async fn only_plain_strong_keys_are_certified_and_not_for_long() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    world.create(&ada, "hello").await;
    for kind in [["-t", "ecdsa", "-b", "256"], ["-t", "ecdsa", "-b", "521"]] {
        let key = KeyPair::of(&kind);
        assert!(
            certify(&world, &ada, &key, None, None).await.is_ok(),
            "{kind:?}"
        );
    }
    let strong = KeyPair::of(&["-t", "rsa", "-b", "2048"]);
    let reply = certify(&world, &ada, &strong, None, None).await.unwrap();
    let lines = read(&strong, &reply);
    assert!(
        has(
            &lines,
            "Type: ssh-rsa-cert-v01@openssh.com user certificate"
        ),
        "{lines:?}"
    );

    let weak = KeyPair::of(&["-t", "rsa", "-b", "1024"]);
    let refused = certify(&world, &ada, &weak, None, None).await.unwrap_err();
    let problem = Problem::from(refused);
    assert!(problem.detail.contains("2048"), "{problem:?}");

    let key = KeyPair::ed25519();
    for seconds in [0, 1, 12 * 3600 + 1, u32::MAX] {
        let refused = certify(&world, &ada, &key, None, Some(seconds)).await;
        assert_eq!(
            Problem::from(refused.unwrap_err()).errors[0].field,
            "valid_seconds"
        );
    }
    assert!(
        certify(&world, &ada, &key, None, Some(12 * 3600))
            .await
            .is_ok()
    );

    // A certificate is no key: nothing is nested in it.
    let request = CertificateRequest {
        public_key: certify(&world, &ada, &key, None, None)
            .await
            .unwrap()
            .certificate,
        workspace: None,
        valid_seconds: None,
    };
    let commands = world.app.commands();
    let refused = commands
        .issue_certificate(&ada, request, &world.context())
        .await;
    assert_eq!(
        Problem::from(refused.unwrap_err()).errors[0].field,
        "public_key"
    );
}

#[tokio::test]
async fn a_certificate_counts_no_more_once_its_key_or_token_is_gone() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    world.create(&ada, "hello").await;
    let commands = world.app.commands();
    let user = ada.user().unwrap();
    let issued = commands
        .issue_token(&ada, Default::default(), &world.context())
        .await
        .unwrap()
        .value;
    world.settle().await;
    let by_token = world
        .app
        .queries()
        .identify(&issued.token, world.clock.now())
        .unwrap()
        .unwrap();
    let (first, second) = (KeyPair::ed25519(), KeyPair::ed25519());
    certify(&world, &ada, &first, None, None).await.unwrap();
    certify(&world, &by_token, &second, None, None)
        .await
        .unwrap();
    world.settle().await;
    let refused = async || {
        world.settle().await;
        let users = Repository::<User>::new(world.backbone.log.clone());
        let state = users.load(&user).await.unwrap().state;
        let now = world.clock.now();
        let mut refused: Vec<String> = state.refused_at(now).cloned().collect();
        refused.sort();
        refused
    };
    assert_eq!(refused().await, Vec::<String>::new());

    let context = world.context();
    commands
        .remove_user_key(&ada, user, &first.fingerprint(), &context)
        .await
        .unwrap();
    assert_eq!(refused().await, [first.fingerprint()]);
    commands
        .revoke_token(&ada, issued.id, &context)
        .await
        .unwrap();
    let mut both = [first.fingerprint(), second.fingerprint()];
    both.sort();
    assert_eq!(refused().await, both);

    // What could be in force still is remembered, and nothing for ever.
    world.advance(13 * 3600);
    assert_eq!(refused().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_certificate_ends_with_its_token() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    world.create(&ada, "hello").await;
    let request = nexus_control_plane::commands::TokenRequest {
        expires_in_seconds: Some(120),
        ..Default::default()
    };
    let issued = world
        .app
        .commands()
        .issue_token(&ada, request, &world.context())
        .await
        .unwrap()
        .value;
    world.settle().await;
    let queries = world.app.queries();
    let by_token = queries
        .identify(&issued.token, world.clock.now())
        .unwrap()
        .unwrap();
    let key = KeyPair::ed25519();
    let reply = certify(&world, &by_token, &key, None, None).await.unwrap();
    let lasts = reply.valid_before.duration_since(world.clock.now());
    assert!(lasts <= SignedDuration::from_secs(120), "{lasts}");
}
