//! Who is believed by whom: certificates, names, users, copies.

use std::time::Duration;

use nexus_events::id::UserId;
use nexus_nats::topology::{self, TopologyError};
use nexus_nats::{
    Append, Bus, ConnectError, Expected, Filter, From, Log, Options, Replicas, Role, Transport,
    UserKeys,
};
use uuid::Uuid;

use super::{prepared, with_trio};
use crate::sample::{claim, event, soon};

fn briefly(options: Options) -> Options {
    options.patience(Duration::from_millis(500))
}

/// Everything the error says, with its causes.
fn whole_text(error: &ConnectError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

#[test]
fn a_server_is_believed_by_its_name_and_authority_only() {
    let test = "cluster::trust::a_server_is_believed_by_its_name_and_authority_only";
    with_trio(test, &[], async |trio| {
        let folder = trio.client("control-plane");
        let ours = Transport {
            authority: Some(folder.join("ca.pem")),
            certificate: Some(folder.join("client.pem")),
            plaintext: false,
        };
        let to = |url: &str, transport: &Transport| {
            let options = Options::new([url], Role::ControlPlane).transport(transport.clone());
            briefly(options.seed_file(folder.join("seed.nk")))
        };
        let refused = async |options: Options| {
            let error = soon("the refusal", Bus::connect(options))
                .await
                .unwrap_err();
            whole_text(&error)
        };

        let good = Bus::connect(to(&trio.url(0), &ours).patience(Duration::from_secs(20)));
        soon("the good connection", good).await.unwrap();

        // The same server under an address its certificate does not name: port forwarded, so to say.
        let wrong = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("tls://{}", wrong.local_addr().unwrap());
        let inner = trio.url(0).trim_start_matches("tls://").to_owned();
        tokio::spawn(async move {
            while let Ok((mut outside, _)) = wrong.accept().await {
                let mut inside = tokio::net::TcpStream::connect(&inner).await.unwrap();
                tokio::spawn(async move {
                    let _ended = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        let said = refused(to(&url, &ours)).await;
        assert!(said.contains("not valid for name"), "{said}");

        let other = Transport {
            authority: Some(trio.node(0).join("routes-ca.pem")),
            ..ours.clone()
        };
        let said = refused(to(&trio.url(0), &other)).await;
        assert!(said.contains("certificate"), "{said}");

        let nameless = Transport {
            certificate: None,
            ..ours.clone()
        };
        let said = refused(to(&trio.url(0), &nameless)).await;
        assert!(said.contains("connecting to NATS"), "{said}");

        let plain = Transport::default();
        let url = trio.url(0).replace("tls://", "nats://");
        let said = refused(to(&url, &plain)).await;
        assert!(
            said.contains("without TLS") && said.contains("--nats-ca"),
            "{said}"
        );
        // Whoever insists finds that the server does.
        let insisting = Transport {
            plaintext: true,
            ..plain
        };
        let said = refused(to(&url, &insisting)).await;
        assert!(said.contains("connecting to NATS"), "{said}");
    });
}

#[test]
fn no_client_can_pose_as_a_server() {
    let test = "cluster::trust::no_client_can_pose_as_a_server";
    with_trio(test, &["one"], async |trio| {
        let bus = prepared(trio).await;
        let route = trio
            .url(0)
            .trim_start_matches("tls://")
            .replace(":4222", ":6222");
        let talk = |certificate: std::path::PathBuf, key: std::path::PathBuf| {
            let mut command = tokio::process::Command::new("openssl");
            command
                .args([
                    "s_client",
                    "-brief",
                    "-ign_eof",
                    "-verify_return_error",
                    "-connect",
                    &route,
                ])
                .arg("-CAfile")
                .arg(trio.node(0).join("routes-ca.pem"))
                .arg("-cert")
                .arg(certificate)
                .arg("-key")
                .arg(key)
                .stdin(std::process::Stdio::null())
                .kill_on_drop(true);
            async move { soon("the handshake", command.output()).await.unwrap() }
        };
        let worker = trio.client("worker-one").join("client.pem");
        let refused = talk(worker.clone(), worker).await;
        let node = trio.node(1);
        let taken = talk(node.join("route.pem"), node.join("route.key")).await;
        let text = |output: &std::process::Output| {
            String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr)
        };
        // TLS 1.3: the client learns of the refusal with the first bytes the server would send.
        assert!(
            text(&taken).contains("INFO {"),
            "a server is taken: {}",
            text(&taken)
        );
        assert!(
            !text(&refused).contains("INFO {"),
            "a worker was taken: {}",
            text(&refused)
        );
        bus.drain().await;
    });
}

#[test]
fn each_user_has_the_rights_of_its_role() {
    let test = "cluster::trust::each_user_has_the_rights_of_its_role";
    with_trio(test, &["one"], async |trio| {
        let bus = prepared(trio).await;
        let log = Log::on(&bus);
        let first = log.append(Expected::Empty, &event(&claim())).await.unwrap();
        assert!(matches!(first, Append::Stored { sequence: 1 }), "{first:?}");

        // The operator reads the log, and neither writes to it nor reads a key.
        let operator = Bus::connect(trio.options("operator", Role::Cli))
            .await
            .unwrap();
        let reading = Log::on(&operator);
        let mut tail = reading.tail(From::start(), Filter::All);
        assert_eq!(soon("an event", tail.next()).await.unwrap().sequence, 1);
        let another = event(&claim());
        let writing = reading.append(Expected::Empty, &another);
        soon("the refusal", writing).await.unwrap_err();
        let user = UserId::from_uuid(Uuid::now_v7());
        soon("the refusal", UserKeys::on(&operator).get(user))
            .await
            .unwrap_err();

        // A worker says what its machines do, and claims no names.
        let worker =
            Bus::connect(trio.options("worker-one", Role::Worker(trio.node_of("one").unwrap())))
                .await
                .unwrap();
        let writing = Log::on(&worker);
        let claims = writing.append(Expected::Empty, &another);
        soon("the refusal", claims).await.unwrap_err();
        soon("the refusal", UserKeys::on(&worker).get(user))
            .await
            .unwrap_err();
        assert_eq!(
            log.info().await.unwrap().last_sequence,
            1,
            "nothing was added"
        );

        // A seed that is not in the configuration lets nobody in.
        let stranger = trio.folder().join("stranger.nk");
        let seed = nkeys_seed();
        std::fs::write(&stranger, seed).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&stranger, private).unwrap();
        let options = trio
            .options("control-plane", Role::ControlPlane)
            .seed_file(&stranger);
        let error = soon("the refusal", Bus::connect(briefly(options)))
            .await
            .unwrap_err();
        assert!(
            whole_text(&error).contains("authorization"),
            "{}",
            whole_text(&error)
        );
    });
}

/// A fresh user's seed.
fn nkeys_seed() -> String {
    nkeys::KeyPair::new_user().seed().unwrap()
}

#[test]
fn copies_are_added_and_never_taken_away() {
    let test = "cluster::trust::copies_are_added_and_never_taken_away";
    with_trio(test, &[], async |trio| {
        let options = trio.options("control-plane", Role::ControlPlane);
        let bus = Bus::connect(options).await.unwrap();
        topology::ensure(&bus, Replicas(1)).await.unwrap();
        let log = Log::on(&bus);
        log.append(Expected::Empty, &event(&claim())).await.unwrap();
        assert!(!trio.is_whole(&bus).await, "one copy");

        assert_eq!(Replicas::fit_for(&bus), Replicas(3));
        topology::ensure(&bus, Replicas(3)).await.unwrap();
        super::whole(trio, &bus).await;
        assert_eq!(log.info().await.unwrap().last_sequence, 1);

        let error = topology::ensure(&bus, Replicas(1)).await.unwrap_err();
        assert!(matches!(error, TopologyError::Drift { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("num_replicas: is 3, must be 1") && text.contains("--nats-replicas 3"),
            "{text}"
        );
        assert!(trio.is_whole(&bus).await, "nothing was changed");
    });
}
