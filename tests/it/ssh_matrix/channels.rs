//! Many channels over one connection: forwardings both ways, and commands side by side.

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use nexus_tests::ssh::{Host, Master, feed, free_port};
use nexus_tests::tool;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::cases::noise;
use super::outcome::Outcomes;

/// A server of the far side: sends back what it is sent, until it is sent no more.
const ECHO: &str = r#"
import os, socket, threading
def echo(connection):
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], os.getpid(), flush=True)
while True:
    threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()
"#;

/// A program of the far side: sends the noise it is given to a port and prints what comes back.
const CALL: &str = r#"
import socket, sys, threading
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
data = sys.stdin.buffer.read()
def send():
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
while got := connection.recv(65536):
    sys.stdout.buffer.write(got)
"#;

pub(super) async fn all(host: &Host, outcomes: &mut Outcomes) -> anyhow::Result<()> {
    let master = host.master(&[]).await?;
    let (port, pid) = far_server(&master).await?;
    into(&master, port, outcomes).await?;
    out_of(&master, outcomes).await?;
    side_by_side(&master, outcomes).await?;
    let ended = tool::finish(master.ssh(&[], &["kill", &pid])).await?;
    outcomes.note("server ended", ended.code, b"");
    master.close().await
}

/// Starts a server there that outlives the channel it was started by; its port and process.
async fn far_server(master: &Master) -> anyhow::Result<(u16, String)> {
    let script = format!(
        "folder=$(mktemp -d)\ncat > $folder/echo.py <<'END'\n{ECHO}END\n\
         nohup python3 $folder/echo.py > $folder/says 2>/dev/null < /dev/null &\n\
         while ! [ -s $folder/says ]; do sleep 0.05; done\ncat $folder/says\nrm -r $folder\n"
    );
    let output = feed(master.ssh(&["-T"], &["sh"]), script.as_bytes()).await?;
    let text = String::from_utf8(output.stdout)?;
    let mut words = text.split_whitespace();
    let port = words
        .next()
        .and_then(|word| word.parse().ok())
        .with_context(|| format!("no port in `{text}`"))?;
    let pid = words.next().context("no process id")?.to_owned();
    Ok((port, pid))
}

/// `-L` and `-D`: from here to a port there.
async fn into(master: &Master, far: u16, outcomes: &mut Outcomes) -> anyhow::Result<()> {
    let near = free_port()?;
    let rule = format!("127.0.0.1:{near}:127.0.0.1:{far}");
    master.forward(&["-L", &rule]).await?;
    let calls = (0..4).map(|_| async {
        let stream = TcpStream::connect(("127.0.0.1", near)).await?;
        returned(stream, noise(4, 1 << 20)).await
    });
    for (number, bytes) in try_join_all(calls).await?.into_iter().enumerate() {
        outcomes.note(&format!("-L {number}"), Some(0), &bytes);
    }
    let socks = free_port()?;
    master
        .forward(&["-D", &format!("127.0.0.1:{socks}")])
        .await?;
    let stream = through_socks(socks, far).await?;
    outcomes.note("-D", Some(0), &returned(stream, noise(5, 1 << 20)).await?);
    // Nothing listens there: the channel is refused, the connection lives on.
    let closed = through_socks(socks, 1).await;
    outcomes.note("-D to nothing", Some(i32::from(closed.is_ok())), b"");
    Ok(())
}

/// `-R`: from there to a port here.
async fn out_of(master: &Master, outcomes: &mut Outcomes) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let near = listener.local_addr()?.port();
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                // A client that is gone is the test's business, not this server's.
                let _ = tokio::io::copy(&mut from, &mut to).await;
                let _ = to.shutdown().await;
            });
        }
    });
    let rule = format!("127.0.0.1:0:127.0.0.1:{near}");
    let told = master.forward(&["-R", &rule]).await?;
    let far = told.trim();
    ensure!(far.parse::<u16>().is_ok(), "no port was told: `{told}`");
    let program = format!("python3 -c '{CALL}' {far}");
    let called = feed(master.ssh(&[], &[&program]), &noise(6, 1 << 20)).await?;
    outcomes.note("-R", called.status.code(), &called.stdout);
    let far = format!("127.0.0.1:{far}:127.0.0.1:{near}");
    let cancelled = master.control("cancel", &["-R", &far]).await?;
    outcomes.note("-R cancelled", cancelled.code, b"");
    serving.abort();
    Ok(())
}

async fn side_by_side(master: &Master, outcomes: &mut Outcomes) -> anyhow::Result<()> {
    let commands = (0..8).map(|number| async move {
        let command = format!("cat; exit {number}");
        feed(master.ssh(&[], &[&command]), &noise(7 + number, 200_000)).await
    });
    for (number, output) in try_join_all(commands).await?.into_iter().enumerate() {
        outcomes.note(
            &format!("side by side {number}"),
            output.status.code(),
            &output.stdout,
        );
    }
    Ok(())
}

/// Everything that comes back for `bytes`, to the far side's end.
pub(super) async fn returned(stream: TcpStream, bytes: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let (mut from, mut to) = stream.into_split();
    let sending = tokio::spawn(async move {
        to.write_all(&bytes).await?;
        to.shutdown().await
    });
    let mut back = Vec::new();
    let read = from.read_to_end(&mut back);
    tokio::time::timeout(std::time::Duration::from_secs(60), read)
        .await
        .context("the far side did not end")??;
    sending.await??;
    Ok(back)
}

/// A connection through a SOCKS 5 proxy on `socks` to port `far` of its loopback (RFC 1928).
pub(super) async fn through_socks(socks: u16, far: u16) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", socks)).await?;
    stream.write_all(&[5, 1, 0]).await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    ensure!(chosen == [5, 0], "no proxy: {chosen:?}");
    let [high, low] = far.to_be_bytes();
    stream
        .write_all(&[5, 1, 0, 1, 127, 0, 0, 1, high, low])
        .await?;
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).await?;
    ensure!(answer[1] == 0, "refused: {answer:?}");
    Ok(stream)
}
