//! `nexus ssh --fdpass`: ssh is given the socket, and nobody is between any more.

use std::io::{IoSliceMut, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::fixture::{Asked, Fixture, Ran, Reply};
use crate::sample;
use crate::wire::{Serve, serving, serving_over_tcp, shouting};

fn answer(asked: &Asked, stream: impl FnOnce() -> Serve) -> Serve {
    match asked.path() {
        path if path.ends_with("/ssh") => stream(),
        "/api/v1/ssh/certificates" => Serve::Http(sample::not_found()),
        _ => Serve::Http(Reply::json(&sample::workspace("running"))),
    }
}

/// Somebody inside who speaks first, as an SSH server does, and then repeats what is said.
fn greeting() -> UnixStream {
    let (near, mut far) = UnixStream::pair().unwrap();
    std::thread::spawn(move || {
        far.write_all(b"SSH-2.0-x\r\n").unwrap();
        let mut said = Vec::new();
        far.read_to_end(&mut said).unwrap();
        far.write_all(&said).unwrap();
    });
    near
}

/// Runs it as ssh does, and gives the socket that ssh would speak over.
fn passed(mut command: std::process::Command) -> UnixStream {
    let (parent, theirs) = UnixStream::pair().unwrap();
    let theirs = OwnedFd::from(theirs);
    command
        .stdin(theirs.try_clone().unwrap())
        .stdout(theirs)
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command);
    // ssh waits for its end before it says a word.
    Ran::from(child.wait_with_output().unwrap()).ok();
    let mut byte = [1];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut pieces = [IoSliceMut::new(&mut byte)];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(parent.as_fd(), &mut pieces, &mut control, flags).unwrap();
    assert_eq!(received.bytes, 1, "ssh reads one byte");
    let descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let mut descriptors: Vec<OwnedFd> = descriptors.flatten().collect();
    assert_eq!(descriptors.len(), 1);
    descriptors.remove(0).into()
}

/// Everything that is heard when `word` is said.
fn heard(mut socket: UnixStream, word: &str) -> String {
    socket.write_all(word.as_bytes()).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    text
}

fn fdpass(fixture: &Fixture) -> std::process::Command {
    fixture.command(&["-q", "ssh", "--fdpass", "hello"])
}

#[test]
fn the_socket_is_passed_whoever_moves_the_bytes_and_no_greeting_is_lost() {
    for fixture in [
        serving(|asked| answer(asked, || Serve::HandOut(greeting()))),
        serving(|asked| answer(asked, || Serve::Bytes(greeting()))),
    ] {
        let socket = passed(fdpass(&fixture));
        assert_eq!(heard(socket, "said"), "SSH-2.0-x\r\nsaid");
    }
}

#[test]
fn a_server_that_is_reached_over_tcp_passes_its_connection() {
    let (fixture, address) = serving_over_tcp(|asked| answer(asked, || Serve::Bytes(greeting())));
    let mut command = fdpass(&fixture);
    command
        .args(["--server", &address])
        .env("NEXUS_TOKEN", "secret");
    assert_eq!(heard(passed(command), "said"), "SSH-2.0-x\r\nsaid");
}

#[test]
fn a_program_that_gives_a_pipe_has_its_bytes_copied() {
    let fixture = serving(|asked| answer(asked, || Serve::HandOut(shouting())));
    let mut child = fdpass(&fixture)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"said").unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap()).ok();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("SAID", ""));
}
