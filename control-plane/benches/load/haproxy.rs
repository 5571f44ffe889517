//! haproxy, as a floor: the fastest server and the fastest proxy that a distribution has.
//!
//! It is looked for on the PATH, or where `NEXUS_HAPROXY` says.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::ended::Ended;

/// A running haproxy, on two threads as the server under test; it ends with this.
pub(crate) struct Haproxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _ended: Ended,
    _folder: tempfile::TempDir,
}

impl Haproxy {
    /// One that answers everything with so many bytes itself.
    pub(crate) fn answering(bytes: usize) -> Option<Self> {
        let text = "x".repeat(bytes);
        Self::start(&format!(
            "  http-request return status 200 content-type application/json string {text}\n"
        ))
    }

    /// One that asks `service` for everything.
    #[allow(dead_code, reason = "not every measurement is of a proxy")]
    pub(crate) fn before(service: SocketAddr) -> Option<Self> {
        Self::start(&format!(
            "  default_backend service\nbackend service\n  http-reuse always\n  \
             timeout connect 10s\n  timeout server 10s\n  server one {service}\n"
        ))
    }

    fn start(what_it_does: &str) -> Option<Self> {
        let program = std::env::var_os("NEXUS_HAPROXY").unwrap_or_else(|| "haproxy".into());
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("its address");
        drop(free);
        let configuration = format!(
            "global\n  nbthread 2\ndefaults\n  mode http\n  timeout client 10s\n  \
             timeout http-keep-alive 10s\nfrontend front\n  bind {address}\n{what_it_does}"
        );
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, configuration).expect("it is written");
        let mut command = std::process::Command::new(program);
        command.arg("-db").arg("-f").arg(&file);
        let child = command.stderr(Stdio::null()).spawn().ok()?;
        let ended = Ended(child);
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < patience, "haproxy does not listen");
            std::thread::yield_now();
        }
        Some(Self {
            address,
            _ended: ended,
            _folder: folder,
        })
    }
}
