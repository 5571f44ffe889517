//! Worker and control plane on hosts of their own, as far as the network can tell: two network
//! namespaces, between which nothing is open but the way from the worker to NATS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nexus_nats::link::{LinkListen, LinkOptions, LinkStream, Links, Way, serve};
use nexus_nats::testing::TestServer;
use nexus_nats::{Bus, Options, Role, Transport};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::world::{TestDoors, content, node, running};
use crate::sample::soon;

const MIB: usize = 1 << 20;
const CARRIED: usize = 16 * MIB;
/// Where the control plane's host is reached from the worker's.
const PLANE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 213, 77, 1));
const WORKER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 213, 77, 2));
/// The only port that is open there.
const NATS: u16 = 4222;

#[test]
fn a_worker_that_can_only_reach_nats_is_reached_through_it() {
    let hosts = match Hosts::make() {
        Ok(hosts) => hosts,
        Err(reason) => return skipped("link::apart", &reason),
    };
    let (told, telling) = oneshot::channel();
    let (closed, closing) = oneshot::channel();
    let stop = CancellationToken::new();
    let worker = hosts.run("worker", worker(telling, closed, stop.clone()));
    let plane = hosts.run("plane", plane(told, closing));
    let outcome = plane.join();
    stop.cancel();
    worker.join().unwrap();
    outcome.unwrap();
}

/// Serves its end, and echoes what comes in.
async fn worker(
    seed: oneshot::Receiver<std::path::PathBuf>,
    closed: oneshot::Sender<SocketAddr>,
    stop: CancellationToken,
) {
    let Ok(seed) = seed.await else { return };
    // Somebody listens here, and nobody gets there from outside.
    let listener = TcpListener::bind((WORKER, 0)).await.unwrap();
    closed.send(listener.local_addr().unwrap()).unwrap();
    let plain = Transport {
        plaintext: true,
        ..Transport::default()
    };
    let options =
        Options::new([format!("nats://{PLANE}:{NATS}")], Role::Worker(node())).transport(plain);
    let bus = Bus::connect(options.seed_file(seed)).await.unwrap();
    let (doors, mut inside) = TestDoors::new();
    tokio::spawn(async move {
        while let Some(stream) = inside.recv().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.into_split();
                tokio::io::copy(&mut read, &mut write).await.unwrap();
            });
        }
    });
    serve(bus, node(), doors, LinkListen::nowhere(), stop).await;
}

/// Opens a stream over NATS and has everything echoed, while the worker's connection is cut.
async fn plane(seed: oneshot::Sender<std::path::PathBuf>, closed: oneshot::Receiver<SocketAddr>) {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let (cut, _) = broadcast::channel(1);
    let (accepted, mut connections) = mpsc::unbounded_channel();
    let front = TcpListener::bind((PLANE, NATS)).await.unwrap();
    let inner = server.url().trim_start_matches("nats://").to_owned();
    tokio::spawn(front_door(front, inner, cut.clone(), accepted));
    seed.send(server.embedded().seed_file(Role::Worker(node())))
        .unwrap();
    let closed = soon("the worker", closed).await.unwrap();
    let direct = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(closed));
    assert!(
        !matches!(direct.await, Ok(Ok(_))),
        "the worker's host is open"
    );

    soon("the worker's connection", connections.recv()).await;
    let links = Links::on(&bus, LinkOptions::default());
    let stream = soon("a stream", links.open(node(), running()))
        .await
        .unwrap();
    assert!(matches!(stream, LinkStream::Relayed(_)));
    assert_eq!(links.way(node()), Some(Way::Relay));
    let (mut read, mut write) = tokio::io::split(stream);
    let expected = content(CARRIED);
    let sending = expected.clone();
    let writing = tokio::spawn(async move {
        write.write_all(&sending).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut came = Vec::with_capacity(CARRIED);
    for quarter in 1..=4 {
        while came.len() < quarter * CARRIED / 4 {
            let some = soon("bytes", read.read_buf(&mut came)).await.unwrap();
            assert!(some > 0, "it ended after {} bytes", came.len());
        }
        // Only the worker's connection: the gateway notices nothing.
        cut.send(()).unwrap();
        soon("the worker's return", connections.recv()).await;
    }
    assert_eq!(soon("the end", read.read(&mut [0])).await.unwrap(), 0);
    assert!(came == expected, "what came back is not what was sent");
    writing.await.unwrap();
}

/// What the worker's host reaches of NATS, which itself listens on loopback only.
async fn front_door(
    listener: TcpListener,
    inner: String,
    cut: broadcast::Sender<()>,
    accepted: mpsc::UnboundedSender<()>,
) {
    while let Ok((mut outside, _)) = listener.accept().await {
        let mut cut = cut.subscribe();
        let mut inside = TcpStream::connect(&inner).await.unwrap();
        accepted.send(()).unwrap();
        tokio::spawn(async move {
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut outside, &mut inside) => {}
                _ = cut.recv() => {}
            }
        });
    }
}

/// Two network namespaces with a cable between them; removed when dropped.
#[derive(Clone)]
struct Hosts(Arc<Namespaces>);

struct Namespaces {
    prefix: String,
}

impl Hosts {
    /// The reason, where this cannot be had.
    fn make() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("needs root, for network namespaces".into());
        }
        let hosts = Self(Arc::new(Namespaces {
            prefix: format!("nexus-{}", std::process::id()),
        }));
        let (plane, worker) = (hosts.name("plane"), hosts.name("worker"));
        let (near, far) = ("nxp", "nxw");
        ip(&format!("netns add {plane}"))?;
        ip(&format!("netns add {worker}"))?;
        ip(&format!(
            "-n {plane} link add {near} type veth peer name {far} netns {worker}"
        ))?;
        for (host, device, address) in [(&plane, near, PLANE), (&worker, far, WORKER)] {
            ip(&format!("-n {host} address add {address}/30 dev {device}"))?;
            ip(&format!("-n {host} link set {device} up"))?;
            ip(&format!("-n {host} link set lo up"))?;
        }
        // No connection begins at the control plane, and one port is open to the worker.
        let begins = "-p tcp --syn -j DROP";
        ip(&format!("netns exec {worker} iptables -A INPUT {begins}"))?;
        let others = format!("-i {near} -p tcp ! --dport {NATS} --syn -j DROP");
        ip(&format!("netns exec {plane} iptables -A INPUT {others}"))?;
        Ok(hosts)
    }

    fn name(&self, host: &str) -> String {
        format!("{}-{host}", self.0.prefix)
    }

    /// Runs `work` on a thread of that host; what it starts is there, too.
    fn run(
        &self,
        host: &str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> std::thread::JoinHandle<()> {
        let path = format!("/var/run/netns/{}", self.name(host));
        std::thread::spawn(move || {
            let namespace = std::fs::File::open(path).unwrap();
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), kind).unwrap();
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(work);
        })
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for host in ["plane", "worker"] {
            // Half made is possible: whatever is there goes.
            let _missing = ip(&format!("netns delete {}-{host}", self.prefix));
        }
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    let ran = Command::new("ip").args(arguments.split(' ')).output();
    match ran {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "ip {arguments}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Err(format!("ip: {error}")),
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the summary of the test run reads these lines"
)]
fn skipped(test: &str, reason: &str) {
    println!("SKIPPED {test}: {reason}");
}
