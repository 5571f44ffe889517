//! One direction of a stream: all bytes from one descriptor to another.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// How much is moved at once, and how large the pipe between two sockets is.
const PIECE: usize = 1 << 20;
/// The buffer where the kernel cannot move bytes by itself.
const BUFFER: usize = 256 << 10;

/// Copies until the end of `source`, counting the bytes on `meter`.
///
/// # Errors
/// Either side broke. That nobody reads `sink` any more is one of the ways.
pub(super) fn copy(
    source: BorrowedFd<'_>,
    sink: BorrowedFd<'_>,
    meter: &AtomicU64,
) -> io::Result<()> {
    let spliced = match (kind(source)?, kind(sink)?) {
        (FileType::Socket, FileType::Socket) => through_pipe(source, sink, meter),
        // Terminals and files: there splice is refused or gains nothing. Pipes: a splice that
        // waits for its socket holds the pipe's lock all the while, so that whoever has the other
        // end can neither write nor read, and may be who the socket waits for.
        _ => Err(Unmovable::NotAtAll),
    };
    match spliced {
        Ok(()) => Ok(()),
        Err(Unmovable::NotAtAll) => buffered(source, sink, meter),
        Err(Unmovable::Broken(error)) => Err(error),
    }
}

/// Why the kernel does not move bytes.
enum Unmovable {
    /// It cannot between these two; nothing has been moved.
    NotAtAll,
    /// It could, until now.
    Broken(io::Error),
}

fn kind(descriptor: BorrowedFd<'_>) -> io::Result<FileType> {
    Ok(FileType::from_raw_mode(
        rustix::fs::fstat(descriptor)?.st_mode,
    ))
}

/// Two sockets have a pipe between them, in which no byte ever is while we wait for more.
fn through_pipe(
    source: BorrowedFd<'_>,
    sink: BorrowedFd<'_>,
    meter: &AtomicU64,
) -> Result<(), Unmovable> {
    let (exit, entrance) = pipe_with(PipeFlags::CLOEXEC).map_err(|_| Unmovable::NotAtAll)?;
    // Without the right to a large pipe a small one does.
    let _ = fcntl_setpipe_size(&entrance, PIECE);
    let mut begun = false;
    loop {
        let mut inside = match moved(source, entrance.as_fd(), PIECE) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(Errno::INVAL) if !begun => return Err(Unmovable::NotAtAll),
            Err(error) => return Err(Unmovable::Broken(error.into())),
        };
        begun = true;
        meter.fetch_add(inside as u64, Ordering::Relaxed);
        while inside > 0 {
            match moved(exit.as_fd(), sink, inside) {
                Ok(0) => return Err(Unmovable::Broken(io::ErrorKind::WriteZero.into())),
                Ok(count) => inside -= count,
                Err(error) => return Err(Unmovable::Broken(error.into())),
            }
        }
    }
}

/// One splice, begun again after signals, waiting where a descriptor does not wait by itself.
///
/// `SPLICE_F_MORE` is left out on purpose: it holds a keystroke back for more to come.
fn moved(source: BorrowedFd<'_>, sink: BorrowedFd<'_>, most: usize) -> Result<usize, Errno> {
    loop {
        match splice(source, None, sink, None, most, SpliceFlags::MOVE) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                wait(source, PollFlags::IN)?;
                wait(sink, PollFlags::OUT)?;
            }
            other => return other,
        }
    }
}

fn wait(descriptor: BorrowedFd<'_>, flags: PollFlags) -> Result<(), Errno> {
    match poll(&mut [PollFd::from_borrowed_fd(descriptor, flags)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error),
    }
}

fn buffered(source: BorrowedFd<'_>, sink: BorrowedFd<'_>, meter: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match rustix::io::read(source, &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                write_all(sink, &buffer[..count])?;
                meter.fetch_add(count as u64, Ordering::Relaxed);
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(source, PollFlags::IN)?,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Writes all of `bytes`.
pub(super) fn write_all(sink: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(sink, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(sink, PollFlags::OUT)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Seek as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    fn tcp() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    /// More than any buffer in between holds, and no two neighbours alike.
    fn bytes() -> Vec<u8> {
        (0..3_000_017u32)
            .map(|number| (number % 251) as u8)
            .collect()
    }

    #[test]
    fn every_pair_of_descriptors_passes_every_byte() {
        type Pair = (
            Box<dyn Fn() -> (rustix::fd::OwnedFd, rustix::fd::OwnedFd)>,
            &'static str,
        );
        let pairs: [Pair; 3] = [
            (
                Box::new(|| {
                    let (a, b) = tcp();
                    (a.into(), b.into())
                }),
                "tcp",
            ),
            (
                Box::new(|| {
                    let (a, b) = UnixStream::pair().unwrap();
                    (a.into(), b.into())
                }),
                "unix",
            ),
            (
                Box::new(|| {
                    let (a, b) = rustix::pipe::pipe().unwrap();
                    (b, a)
                }),
                "pipe",
            ),
        ];
        let sent = bytes();
        for (from, from_name) in &pairs {
            for (to, to_name) in &pairs {
                let (writer, source) = from();
                let (sink, reader) = to();
                let (mut writer, mut reader) =
                    (std::fs::File::from(writer), std::fs::File::from(reader));
                let copied = std::thread::scope(|scope| {
                    scope.spawn(|| {
                        writer.write_all(&sent).unwrap();
                        drop(writer);
                    });
                    let reading = scope.spawn(|| {
                        let mut all = Vec::new();
                        reader.read_to_end(&mut all).unwrap();
                        all
                    });
                    let meter = AtomicU64::new(0);
                    copy(source.as_fd(), sink.as_fd(), &meter).unwrap();
                    drop(sink);
                    assert_eq!(meter.into_inner() as usize, sent.len());
                    reading.join().unwrap()
                });
                assert!(copied == sent, "{from_name} to {to_name}");
            }
        }
    }

    #[test]
    fn what_was_moved_can_be_read_while_there_is_no_more() {
        let (mut writer, source) = UnixStream::pair().unwrap();
        let (exit, sink) = rustix::pipe::pipe().unwrap();
        let copying = std::thread::spawn(move || {
            copy(source.as_fd(), sink.as_fd(), &AtomicU64::new(0)).unwrap();
        });
        let mut reader = std::fs::File::from(exit);
        for said in [b"one", b"two"] {
            writer.write_all(said).unwrap();
            let mut heard = [0; 3];
            reader.read_exact(&mut heard).unwrap();
            assert_eq!(&heard, said);
        }
        drop(writer);
        copying.join().unwrap();
    }

    #[test]
    fn files_are_copied_with_a_buffer() {
        let mut source = tempfile::tempfile().unwrap();
        let mut sink = tempfile::tempfile().unwrap();
        source.write_all(&bytes()).unwrap();
        source.rewind().unwrap();
        copy(source.as_fd(), sink.as_fd(), &AtomicU64::new(0)).unwrap();
        sink.rewind().unwrap();
        let mut all = Vec::new();
        sink.read_to_end(&mut all).unwrap();
        assert!(all == bytes());
    }

    #[test]
    fn a_reader_that_went_away_is_an_error_not_a_signal() {
        let (mut writer, source) = UnixStream::pair().unwrap();
        let (sink, reader) = tcp();
        drop(reader);
        let flood = std::thread::spawn(move || while writer.write_all(&[0; 4096]).is_ok() {});
        assert!(copy(source.as_fd(), sink.as_fd(), &AtomicU64::new(0)).is_err());
        drop(source);
        flood.join().unwrap();
    }
}
