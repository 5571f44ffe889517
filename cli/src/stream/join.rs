//! Both directions of a stream, each ending by itself: a side that has said everything may still
//! listen.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::AtomicU64;
use std::thread;

use rustix::net::{Shutdown, shutdown};

use super::Stream;
use super::copy::copy;

/// Copying needs little of it.
const STACK: usize = 128 << 10;

/// Joins the stream with standard input and output, until the other side has said everything.
///
/// # Errors
/// The stream broke. That nobody reads our output any more is none: they have had enough.
pub(crate) fn over_standard_streams(stream: Stream) -> io::Result<()> {
    let socket = rustix::io::fcntl_dupfd_cloexec(&stream.socket, 0)?;
    // Standard input may never end; whoever started us ends us when the other side has.
    thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || direction(io::stdin().as_fd(), socket.as_fd(), &AtomicU64::new(0)))?;
    let (stdout, socket) = (io::stdout(), stream.socket.as_fd());
    match copy(socket, stdout.as_fd(), &AtomicU64::new(0)) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Joins the stream with a connection of this machine, until both directions have ended; the
/// bytes of both are counted on `meter`.
///
/// # Errors
/// One of the two broke; the other is broken off then.
pub(crate) fn to_socket(stream: &Stream, local: &TcpStream, meter: &AtomicU64) -> io::Result<()> {
    let remote = stream.socket.as_fd();
    thread::scope(|scope| {
        let up = thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, || both_or_none(local.as_fd(), remote, meter))?;
        let down = both_or_none(remote, local.as_fd(), meter);
        let up = up
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("copying ended unexpectedly")));
        up.and(down)
    })
}

/// Copies one direction; when it breaks, the other must not wait for ever.
fn both_or_none(source: BorrowedFd<'_>, sink: BorrowedFd<'_>, meter: &AtomicU64) -> io::Result<()> {
    let ended = direction(source, sink, meter);
    if ended.is_err() {
        // Each may be gone already, which is what is wanted.
        let _ = shutdown(source, Shutdown::Both);
        let _ = shutdown(sink, Shutdown::Both);
    }
    ended
}

/// Copies, and then tells the sink that nothing more comes.
fn direction(source: BorrowedFd<'_>, sink: BorrowedFd<'_>, meter: &AtomicU64) -> io::Result<()> {
    copy(source, sink, meter)?;
    match shutdown(sink, Shutdown::Write) {
        // The other side hung up in the meantime.
        Ok(()) | Err(rustix::io::Errno::NOTCONN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Way;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::os::unix::net::UnixStream;

    fn joined() -> (TcpStream, UnixStream, thread::JoinHandle<io::Result<()>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let local = listener.accept().unwrap().0;
        let (socket, service) = UnixStream::pair().unwrap();
        let stream = Stream {
            socket: socket.into(),
            way: Way::Direct,
        };
        let joined = thread::spawn(move || to_socket(&stream, &local, &AtomicU64::new(0)));
        (client, service, joined)
    }

    #[test]
    fn a_side_that_said_everything_still_hears_the_answer() {
        let (mut client, mut service, joined) = joined();
        client.write_all(b"question").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut asked = String::new();
        service.read_to_string(&mut asked).unwrap();
        assert_eq!(asked, "question");
        service.write_all(b"answer").unwrap();
        drop(service);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "answer");
        joined.join().unwrap().unwrap();
    }

    #[test]
    fn when_one_side_breaks_the_other_does_not_hang() {
        let (mut client, service, joined) = joined();
        drop(service);
        // Somebody who goes on talking to nobody is told so.
        while client.write_all(&[0; 4096]).is_ok() {}
        assert!(joined.join().unwrap().is_err());
    }
}
