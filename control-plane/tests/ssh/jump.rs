//! The jump host, with stock OpenSSH on this side and a real init on the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::identity::Identity;
use nexus_control_plane::ssh::{JumpHost, SshListen};
use nexus_events::id::{NodeId, WorkspaceId};
use nexus_events::spec::Provider;
use nexus_events::view::CertificateRequest;
use nexus_events::workspace::Report;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::inits::{Init, PATIENCE, USER, Ways, is_skipped};
use crate::keys::KeyPair;
use crate::stock::{Known, Stock};
use crate::world::World;

/// A jump host in front of one running workspace of Ada's.
struct Jumping {
    world: World,
    ada: Identity,
    node: NodeId,
    workspace: WorkspaceId,
    init: Init,
    known: Known,
    port: u16,
    stop: CancellationToken,
}

impl Jumping {
    async fn start() -> Self {
        let ways = Ways::default();
        let backbone = Backbone::memory().with_lines(Arc::new(ways.clone()));
        let world = World::over(backbone).await;
        let ada = world.person("ada", 1).await;
        let node = world.node(Provider::Fake).await;
        let workspace = world.create(&ada, "hello").await.workspace;
        let init = Init::start().await;
        ways.lead(workspace, &init);
        world.bring_up_with(workspace, node, &init).await;
        init.until("it is told", |access, _| access > 0).await;
        let listen = SshListen::At("127.0.0.1:0".parse().unwrap());
        let host = JumpHost::bind(listen, world.app.clone())
            .await
            .unwrap()
            .unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(host.serve(stop.clone()));
        let port = world.app.jump_host().unwrap().port();
        let known = Known::authority(&world.app.authorities().host_authority());
        Self {
            world,
            ada,
            node,
            workspace,
            init,
            known,
            port,
            stop,
        }
    }

    /// Lets a new key of the person in, and waits until their workspace knows.
    async fn key_of(&self, who: &Identity) -> KeyPair {
        self.lets_in(who, KeyPair::ed25519()).await
    }

    async fn lets_in(&self, who: &Identity, key: KeyPair) -> KeyPair {
        let (commands, context) = (self.world.app.commands(), self.world.context());
        let user = who.user().unwrap();
        let added = commands
            .add_user_key(who, user, &key.public(), &context)
            .await;
        let sequence = added.unwrap().sequence;
        self.world.settle().await;
        if *who == self.ada {
            let told = |access, _| access >= sequence;
            self.init.until("the key is told", told).await;
        }
        key
    }

    fn client(&self, key: &KeyPair) -> Stock {
        let jump = format!("nexus@127.0.0.1:{}", self.port);
        Stock::new(key, &self.known).with(&["-J", &jump])
    }

    async fn end(self) {
        self.stop.cancel();
        self.world.plane.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stock_ssh_reaches_ones_own_workspace_by_every_name_and_no_other() {
    if is_skipped() {
        return;
    }
    let jumping = Jumping::start().await;
    let key = jumping.key_of(&jumping.ada).await;
    let ssh = jumping.client(&key);
    let id = jumping.workspace;
    for name in ["hello".to_owned(), "hello.nexus".to_owned(), id.to_string()] {
        let output = ssh
            .run(&format!("{USER}@{name}"), "echo there; exit 7")
            .await;
        assert_eq!(output.status.code(), Some(7), "{name}: {output:?}");
        assert_eq!(output.stdout, b"there\n");
    }
    // Her key is let in, but there is nothing of that name for her.
    let output = ssh.run(&format!("{USER}@nothing"), "true").await;
    let absent = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(255));
    assert!(absent.contains("administratively prohibited"), "{absent}");

    let bob = jumping.world.person("bob", 2).await;
    let his = jumping.key_of(&bob).await;
    let output = jumping
        .client(&his)
        .run(&format!("{USER}@{id}"), "true")
        .await;
    assert_eq!(output.status.code(), Some(255));
    let foreign = String::from_utf8(output.stderr).unwrap();
    assert!(foreign.contains("administratively prohibited"), "{foreign}");

    // A stranger gets no further than the door.
    let strange = KeyPair::ed25519();
    let output = jumping
        .client(&strange)
        .run(&format!("{USER}@{id}"), "true")
        .await;
    let refused = String::from_utf8(output.stderr).unwrap();
    assert!(refused.contains("Permission denied"), "{refused}");
    jumping.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_rsa_key_that_is_registered_opens_both_doors() {
    if is_skipped() {
        return;
    }
    let jumping = Jumping::start().await;
    let rsa = KeyPair::of(&["-t", "rsa", "-b", "2048"]);
    let rsa = jumping.lets_in(&jumping.ada, rsa).await;
    let target = format!("{USER}@hello");
    let output = jumping.client(&rsa).run(&target, "echo there").await;
    assert_eq!(output.stdout, b"there\n", "{output:?}");
    let old = "-oPubkeyAcceptedAlgorithms=ssh-rsa";
    let direct = Stock::new(&rsa, &jumping.known)
        .port(jumping.port)
        .with(&[old]);
    let output = direct.run("nexus@127.0.0.1", "true").await;
    let refused = String::from_utf8(output.stderr).unwrap();
    assert!(refused.contains("Permission denied"), "{refused}");
    jumping.end().await;
}

#[tokio::test]
async fn whoever_does_not_log_in_is_hung_up_on_after_half_a_minute() {
    if is_skipped() {
        return;
    }
    let jumping = Jumping::start().await;
    let key = jumping.key_of(&jumping.ada).await;
    let mut session = jumping
        .client(&key)
        .session(&format!("{USER}@hello"), "echo in; cat")
        .await;
    session.line("in").await;
    for words in [&b""[..], b"SSH-2.0-somebody\r\n"] {
        let address = ("127.0.0.1", jumping.port);
        let mut stranger = TcpStream::connect(address).await.unwrap();
        stranger.write_all(words).await.unwrap();
        let mut greeting = [0; 13];
        stranger.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"SSH-2.0-nexus");
        pass(29).await;
        let mut said = [0; 4096];
        while let Ok(count) = stranger.try_read(&mut said) {
            assert_ne!(count, 0, "not yet");
        }
        pass(1).await;
        let ending = async { while !matches!(stranger.read(&mut said).await, Ok(0) | Err(_)) {} };
        let ended = tokio::time::timeout(PATIENCE, ending).await;
        ended.expect("it is hung up on");
    }
    session.say("still there").await;
    session.line("still there").await;
    jumping.end().await;
}

/// Everything that waits by the clock is so much older.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_has_no_shell_and_leads_nowhere_else() {
    if is_skipped() {
        return;
    }
    let jumping = Jumping::start().await;
    let key = jumping.key_of(&jumping.ada).await;
    let direct = Stock::new(&key, &jumping.known).port(jumping.port);
    for remote in ["", "id"] {
        let output = direct
            .clone()
            .with(&["-T"])
            .run("nexus@127.0.0.1", remote)
            .await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("ssh -J nexus@127.0.0.1:"), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "{said}");
    }
    // Neither to the machine it runs on, nor to a port nobody serves.
    let own = format!("127.0.0.1:{}", jumping.port);
    for target in [own.as_str(), "localhost:22", "hello:23", "hello:70"] {
        let output = direct
            .clone()
            .with(&["-W", target])
            .run("nexus@127.0.0.1", "")
            .await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("administratively prohibited"),
            "{target}: {said}"
        );
    }
    let other = direct.run("root@127.0.0.1", "").await;
    let said = String::from_utf8(other.stderr).unwrap();
    assert!(said.contains("Permission denied"), "{said}");
    jumping.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_key_is_shown_out_within_a_second() {
    if is_skipped() {
        return;
    }
    let jumping = Jumping::start().await;
    let key = jumping.key_of(&jumping.ada).await;
    // The connection to the jump host alone, so that nothing inside can end it first.
    let direct = Stock::new(&key, &jumping.known).port(jumping.port);
    let host = "nexus@127.0.0.1";
    let mut session = direct.with(&["-W", "hello:22"]).session(host, "").await;
    session.line("SSH-2.0-nexus").await;
    let began = Instant::now();
    let user = jumping.ada.user().unwrap();
    let (commands, context) = (jumping.world.app.commands(), jumping.world.context());
    let print = key.fingerprint();
    commands
        .remove_user_key(&jumping.ada, user, &print, &context)
        .await
        .unwrap();
    session.ended().await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    jumping.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_opens_the_workspaces_it_names_and_while_it_counts() {
    if is_skipped() {
        return;
    }
    let jumping = Jumping::start().await;
    let other = jumping.world.create(&jumping.ada, "other").await.workspace;
    let key = KeyPair::ed25519();
    let commands = jumping.world.app.commands();
    let certify = async |workspace: &str| {
        let request = CertificateRequest {
            public_key: key.public(),
            workspace: Some(workspace.to_owned()),
            valid_seconds: None,
        };
        let context = jumping.world.context();
        let written = commands
            .issue_certificate(&jumping.ada, request, &context)
            .await;
        std::fs::write(key.certificate(), written.unwrap().value.certificate).unwrap();
        jumping.world.settle().await;
    };
    let ssh = jumping.client(&key);
    let host = format!("{USER}@hello");
    certify("hello").await;
    let output = ssh.run(&host, "echo in").await;
    assert_eq!(output.stdout, b"in\n", "{output:?}");

    certify(&other.to_string()).await;
    let output = ssh.run(&host, "echo in").await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("administratively prohibited"), "{said}");

    certify("hello").await;
    let direct = Stock::new(&key, &jumping.known).port(jumping.port);
    let jump = "nexus@127.0.0.1";
    let mut session = direct.with(&["-W", "hello:22"]).session(jump, "").await;
    session.line("SSH-2.0-nexus").await;
    let user = jumping.ada.user().unwrap();
    let context = jumping.world.context();
    let print = key.fingerprint();
    commands
        .remove_user_key(&jumping.ada, user, &print, &context)
        .await
        .unwrap();
    session.ended().await;
    let output = ssh.run(&host, "true").await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("Permission denied"), "{said}");
    jumping.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_workspace_is_started_by_whoever_knocks() {
    if is_skipped() {
        return;
    }
    let jumping = Jumping::start().await;
    let key = jumping.key_of(&jumping.ada).await;
    let (world, id) = (&jumping.world, jumping.workspace);
    let reference = nexus_control_plane::queries::WorkspaceRef::Id(id);
    let commands = world.app.commands();
    commands
        .stop_workspace(&jumping.ada, &reference, &world.context())
        .await
        .unwrap();
    world.settle().await;
    world
        .report(id, jumping.node, |at| Some(Report::Stopped { at }))
        .await;
    let ssh = jumping.client(&key);
    let host = format!("{USER}@hello");
    let knocking = ssh.run(&host, "echo awake");
    let starting = async {
        world
            .until("the start is asked for", || {
                world.view(&jumping.ada, id).operation.is_some()
            })
            .await;
        world.bring_up_with(id, jumping.node, &jumping.init).await;
    };
    let (output, ()) = tokio::join!(knocking, starting);
    assert_eq!(output.stdout, b"awake\n", "{output:?}");
    jumping.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_half_open_connections_keep_no_honest_login_out() {
    if is_skipped() {
        return;
    }
    let jumping = Jumping::start().await;
    let key = jumping.key_of(&jumping.ada).await;
    let mut half_open = Vec::new();
    for number in 0..500_u32 {
        let mut stream = TcpStream::connect(("127.0.0.1", jumping.port))
            .await
            .unwrap();
        if number % 2 == 0 {
            use tokio::io::AsyncWriteExt as _;
            // One that was evicted meanwhile cannot say anything.
            let _ = stream.write_all(b"SSH-2.0-half\r\n").await;
        }
        half_open.push(stream);
    }
    let began = Instant::now();
    let output = jumping
        .client(&key)
        .run(&format!("{USER}@hello"), "echo in")
        .await;
    assert_eq!(output.stdout, b"in\n", "{output:?}");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");

    // They were not kept: the first ones are at their end.
    let mut first = half_open.swap_remove(0);
    let mut rest = Vec::new();
    let reading = tokio::time::timeout(PATIENCE, first.read_to_end(&mut rest));
    // Reset or closed, it is over.
    let _ = reading.await.expect("it made room for others");
    jumping.end().await;
}
