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
    /// One that does `what` with every request, in words of its configuration.
    pub(crate) fn start(what: &str) -> Option<Self> {
        let program = std::env::var_os("NEXUS_HAPROXY").unwrap_or_else(|| "haproxy".into());
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("its address");
        drop(free);
        let configuration = format!(
            "global\n  nbthread 2\ndefaults\n  mode http\n  timeout client 10s\n  \
             timeout http-keep-alive 10s\nfrontend front\n  bind {address}\n  {what}\n"
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
