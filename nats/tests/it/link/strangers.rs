//! Whoever comes to a worker's port without a good ticket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use futures::StreamExt as _;
use nexus_events::id::WorkspaceId;
use nexus_events::node::LinkAddress;
use nexus_nats::link::tls::{ENTRY, ENTRY_BYTES, STRANGERS};
use nexus_nats::link::{LinkOptions, Way};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use uuid::Uuid;

use super::world::{World, content, node, read_all, running, stopped};
use crate::sample::{bare_client, soon};

/// Somebody who knows the protocol, and where the worker listens.
struct Knowing {
    world: World,
    /// With the rights of the control plane.
    client: Client,
}

/// A ticket as it is told.
#[derive(Clone)]
struct Ticket {
    stream: Uuid,
    secret: Vec<u8>,
}

impl Knowing {
    async fn of(world: World) -> Self {
        let client = bare_client(&world.server).await;
        Self { world, client }
    }

    fn port(&self) -> &str {
        match &self.world.addresses[..] {
            [LinkAddress::Tls { address, .. }] => address,
            other => panic!("one address, not {other:?}"),
        }
    }

    /// Asks for a ticket as a gateway does.
    async fn ticket(&self, workspace: WorkspaceId) -> Ticket {
        let stream = Uuid::now_v7();
        let gateway = Uuid::now_v7().simple();
        let back = format!(
            "_INBOX_control-plane.link.{}.{gateway}.{}",
            node(),
            stream.simple()
        );
        let mut answers = self.client.subscribe(back.clone()).await.unwrap();
        let ask = [&[1][..], workspace.uuid().as_bytes()].concat();
        let subject = format!("nexus.ticket.{}", node());
        let asked = self.client.publish_with_reply(subject, back, ask.into());
        asked.await.unwrap();
        let answer = soon("a ticket", answers.next()).await.unwrap().payload;
        assert_eq!((answer[0], answer.len()), (1, 33), "{answer:?}");
        Ticket {
            stream,
            secret: answer[1..].to_vec(),
        }
    }

    async fn greet(&self) -> TlsStream<TcpStream> {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyKey))
            .with_no_client_auth();
        let stream = TcpStream::connect(self.port()).await.unwrap();
        let name = ServerName::try_from("anybody").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        soon("a handshake", connector.connect(name, stream))
            .await
            .unwrap()
    }

    /// Everything that is said to whoever shows this.
    async fn shown(&self, workspace: WorkspaceId, ticket: &Ticket) -> Vec<u8> {
        let mut tls = self.greet().await;
        let claim = [
            &b"NXT1"[..],
            workspace.uuid().as_bytes(),
            ticket.stream.as_bytes(),
            &ticket.secret,
        ]
        .concat();
        tls.write_all(&claim).await.unwrap();
        tls.flush().await.unwrap();
        let mut said = Vec::new();
        match soon("the end", tls.read_to_end(&mut said)).await {
            Ok(_) => {}
            // Cut without a word.
            Err(error) if cut(&error) => {}
            Err(error) => panic!("{error:?}"),
        }
        said
    }
}

fn cut(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
    )
}

#[tokio::test]
async fn a_ticket_opens_one_stream_once() {
    let knowing = Knowing::of(World::tls(LinkOptions::default()).await).await;
    let ticket = knowing.ticket(stopped()).await;
    // It is let in, to be told that nothing runs there.
    let other = stopped();
    let good = knowing.ticket(other).await;
    let said = knowing.shown(other, &good).await;
    assert_eq!(said, b"\0it does not run here");
    assert_eq!(knowing.shown(other, &good).await, b"", "a second time");
    // One for another workspace is none, and is gone then.
    assert_eq!(
        knowing.shown(running(), &ticket).await,
        b"",
        "a foreign one"
    );
    let mut forged = knowing.ticket(other).await;
    forged.secret[7] ^= 1;
    assert_eq!(knowing.shown(other, &forged).await, b"", "a forged one");
    let unknown = Ticket {
        stream: Uuid::now_v7(),
        ..forged
    };
    assert_eq!(knowing.shown(other, &unknown).await, b"", "one never given");
}

#[tokio::test]
async fn a_stranger_is_cut_in_time_and_hears_nothing_before() {
    let knowing = Knowing::of(World::tls(LinkOptions::default()).await).await;
    let begun = Instant::now();
    // One says nothing, one begins a handshake byte by byte, one has only shaken hands.
    let silent = TcpStream::connect(knowing.port()).await.unwrap();
    let mut slow = TcpStream::connect(knowing.port()).await.unwrap();
    let mut polite = knowing.greet().await;
    polite.write_all(b"NXT1").await.unwrap();
    let dripping = async {
        for byte in [22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3].into_iter().cycle() {
            if slow.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let (silent, (), polite) = soon("their ends", async {
        tokio::join!(end_of(silent), dripping, end_of(polite))
    })
    .await;
    assert_eq!((silent, polite), (0, 0), "bytes were told to strangers");
    assert!(begun.elapsed() >= ENTRY - Duration::from_millis(100));
}

/// How much is said until the end.
async fn end_of(mut stream: impl tokio::io::AsyncRead + Unpin) -> usize {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said).await {
        Ok(_) => {}
        Err(error) if cut(&error) => {}
        Err(error) => panic!("{error:?}"),
    }
    said.len()
}

#[tokio::test]
async fn a_stranger_that_says_too_much_is_cut_before_its_time() {
    let knowing = Knowing::of(World::tls(LinkOptions::default()).await).await;
    let begun = Instant::now();
    let mut loud = TcpStream::connect(knowing.port()).await.unwrap();
    // A greeting of 60,000 bytes in records of 1,000, all of it in good form so far.
    let greeting = [&[1, 0, 0xea, 0x60][..], &vec![0; 60_000]].concat();
    for piece in greeting.chunks(1_000) {
        let head = [22, 3, 1, 0x03, 0xe8];
        let head = if piece.len() == 1_000 {
            head
        } else {
            [22, 3, 1, 0, 4]
        };
        if loud.write_all(&[&head, piece].concat()).await.is_err() {
            break;
        }
    }
    soon("its end", end_of(loud)).await;
    assert!(begun.elapsed() < ENTRY, "time was what ended it");
    const { assert!(ENTRY_BYTES < 60_000) };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_half_open_connections_keep_nobody_out() {
    const HALF_OPEN: usize = 500;
    let mut world = World::tls(LinkOptions::only(Way::Tls)).await;
    let (before, before_inside) = world.open().await;
    let mut knowing = Knowing::of(world).await;
    let mut half_open = Vec::new();
    for _ in 0..HALF_OPEN {
        half_open.push(TcpStream::connect(knowing.port()).await.unwrap());
    }
    let (during, during_inside) = knowing.world.open().await;
    assert_eq!(during.way(), Way::Tls);
    let expected = content(1 << 20);
    for (outside, mut inside) in [(before, before_inside), (during, during_inside)] {
        let sending = expected.clone();
        let writing = tokio::spawn(async move { inside.write_all(&sending).await });
        let came = soon("every byte", read_all(outside)).await;
        assert!(came == expected);
        writing.await.unwrap().unwrap();
    }
    // The first ones had to go for the last ones.
    for stranger in half_open.into_iter().take(HALF_OPEN - STRANGERS) {
        assert_eq!(soon("its end", end_of(stranger)).await, 0);
    }
}

/// Somebody who speaks to anybody.
#[derive(Debug)]
struct AnyKey;

impl ServerCertVerifier for AnyKey {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
