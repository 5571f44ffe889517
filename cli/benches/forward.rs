//! P17 and P18: bytes through `nexus port forward`, against direct loopback and against `ssh -L`.
//!
//! The service sends a GiB to whoever connects. The server is a stand-in that hands out a socket
//! connected to the service, as nexusd does on the same machine, so the figure is the command
//! line's own: one copy, by splice. Rounds of all alternate, so whatever else the machine does
//! falls on all of them; medians are compared.

use std::io::{BufRead as _, BufReader, IoSlice, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

const ROUNDS: usize = 7;
const BYTES: u64 = 1 << 30;
/// What Linux counts processor time in, on every architecture (`USER_HZ`).
const TICKS: f64 = 100.0;
const SSHD: &str = "/usr/sbin/sshd";

fn main() -> ExitCode {
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let wanted = |row: &str| named.is_empty() || named.iter().any(|word| word == row);
    if !wanted("P17") && !wanted("P18") {
        return ExitCode::SUCCESS;
    }
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let service = serve_bytes();
    stand_in(&home.path().join("daemon.sock"), service);
    let (mut nexus, forwarded) = forward(home.path());
    let ssh = wanted("P18")
        .then(|| ssh_forward(home.path(), service))
        .flatten();
    let (mut direct, mut through, mut over_ssh) = (Vec::new(), Vec::new(), Vec::new());
    let before = processor_seconds(nexus.id());
    for _ in 0..ROUNDS {
        direct.push(rate(service));
        through.push(rate(forwarded));
        if let Some((_, address)) = &ssh {
            over_ssh.push(rate(*address));
        }
    }
    let gibibytes = ROUNDS as f64 * BYTES as f64 / f64::from(1 << 30);
    let cost = (processor_seconds(nexus.id()) - before) / gibibytes;
    let figure = median(through);
    if wanted("P17") {
        row("P17", median(direct), figure, 0.6);
        let verdict = if cost <= 0.4 { "ok" } else { "missed" };
        print(&format!(
            "P17  processor {cost:.3} s/GiB  target <= 0.4  {verdict}"
        ));
    }
    match ssh {
        Some((mut ssh, _)) => {
            row("P18", median(over_ssh), figure, 1.3);
            end(&mut ssh);
        }
        None if wanted("P18") => print("P18  skipped: no sshd that may run here"),
        None => {}
    }
    end(&mut nexus);
    ExitCode::SUCCESS
}

fn row(id: &str, floor: f64, figure: f64, least: f64) {
    let ratio = figure / floor;
    let verdict = if ratio >= least { "ok" } else { "missed" };
    print(&format!(
        "{id}  floor {floor:.0} MiB/s  figure {figure:.0} MiB/s  ratio {ratio:.2}  target >= {least}  {verdict}"
    ));
}

/// Nobody reading the rows is no reason to fail.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Reads everything the service sends; MiB a second.
fn rate(address: SocketAddr) -> f64 {
    let begins = Instant::now();
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer).expect("the stream is whole") {
            0 => break,
            count => total += count as u64,
        }
    }
    assert_eq!(total, BYTES, "every byte came");
    total as f64 / f64::from(1 << 20) / begins.elapsed().as_secs_f64()
}

/// User and system time of a process so far.
fn processor_seconds(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, fields) = text.rsplit_once(')').expect("the name is in brackets");
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().expect("a number of ticks"))
        .sum();
    ticks as f64 / TICKS
}

/// A service that sends [`BYTES`] to each client.
fn serve_bytes() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let buffer = vec![b'x'; 256 << 10];
                for _ in 0..BYTES / buffer.len() as u64 {
                    // A client that has seen enough is not waited for.
                    if client.write_all(&buffer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

const WORKSPACE: &str = r#"{"id":"ws-00000000000000000000000000000001","name":"hello",
"owner":"user-00000000000000000000000000000002","phase":"running","status":"running","unknown":false,
"partial":false,"provider":"process","services":{},"activity":{},"created_at":"2026-11-21T04:00:00Z",
"updated_at":"2026-11-21T04:00:05Z","version":12,"sequence":40}"#;

/// A server that knows one workspace and hands out sockets into it.
fn stand_in(path: &Path, service: SocketAddr) {
    let listener = UnixListener::bind(path).expect("a socket can be bound in a new folder");
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || answer(connection, service));
        }
    });
}

/// Answers one request; an error is the client hanging up.
fn answer(mut connection: UnixStream, service: SocketAddr) -> Option<()> {
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    let (mut first, mut line) = (String::new(), String::new());
    reader.read_line(&mut first).ok()?;
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    if !first.contains("/ports/") {
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json";
        let length = WORKSPACE.len();
        let reply = format!("{head}\r\ncontent-length: {length}\r\n\r\n{WORKSPACE}");
        return connection.write_all(reply.as_bytes()).ok();
    }
    let head = "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: nexus.stream.v1\r\n\r\n";
    connection.write_all(head.as_bytes()).ok()?;
    let socket = TcpStream::connect(service).ok()?;
    let descriptors = [socket.as_fd()];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    let byte = [IoSlice::new(&[1])];
    sendmsg(&connection, &byte, &mut control, SendFlags::empty()).ok()?;
    Some(())
}

/// `nexus port forward`, and where it listens.
fn forward(home: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_nexus"))
        .args([
            "--quiet", "port", "forward", "hello", "0:8000", "-o", "name",
        ])
        .env("NEXUS_HOME", home)
        .env_remove("NEXUS_SERVER")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let stdout = child.stdout.as_mut().expect("it is piped");
    let mut line = String::new();
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("it says where it listens");
    let address = line.trim().parse().expect("an address and a port");
    (child, address)
}

/// The same by `ssh -L`; `None` where there is no sshd.
fn ssh_forward(folder: &Path, service: SocketAddr) -> Option<(Child, SocketAddr)> {
    if !Path::new(SSHD).exists() || !rustix::process::getuid().is_root() {
        return None;
    }
    std::fs::create_dir_all("/run/sshd").ok()?;
    let key = folder.join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status();
    made.ok().filter(std::process::ExitStatus::success)?;
    let shown = key.display();
    let configuration = format!(
        "HostKey {shown}\nAuthorizedKeysFile {shown}.pub\nStrictModes no\nUsePAM no\n\
         PermitRootLogin yes\nPidFile none\nLogLevel QUIET\n"
    );
    let file = folder.join("sshd_config");
    std::fs::write(&file, configuration).ok()?;
    let local = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
    let child = Command::new("ssh")
        .args([
            "-F",
            "none",
            "-N",
            "-o",
            "BatchMode=yes",
            "-o",
            "LogLevel=QUIET",
        ])
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .args(["-o", "ExitOnForwardFailure=yes", "-i"])
        .arg(&key)
        .arg("-o")
        .arg(format!("ProxyCommand={SSHD} -i -f {}", file.display()))
        .args(["-L", &format!("{local}:{service}"), "root@inside"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let patience = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(local).is_err() {
        if Instant::now() > patience {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Some((child, local))
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}
