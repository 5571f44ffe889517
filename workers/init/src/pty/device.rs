//! The pseudo-terminal itself: a pair of descriptors, one for the program, one for us.

use std::io;
use std::os::fd::OwnedFd;

use nexus_init_protocol::TerminalSize;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::net::unix::pipe::{Receiver, Sender};

use crate::user::Account;

/// Our side of a pseudo-terminal.
///
/// To the event loop a terminal is like a pipe that goes both ways. It is registered for reading; for
/// writing only while a write has to wait, since every byte the program reads would wake us.
#[derive(Debug)]
pub(crate) struct Device {
    control: OwnedFd,
    shown: Receiver,
}

impl Device {
    /// Makes a pair: our side, and the program's side owned by its user.
    pub(crate) fn open(size: TerminalSize, account: &Account) -> io::Result<(Self, OwnedFd)> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags)?;
        unlockpt(&ours)?;
        let name = ptsname(&ours, Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = rustix::fs::open(name.as_c_str(), flags, Mode::empty())?;
        if crate::user::can_change_user() {
            let user = rustix::fs::Uid::from_raw(account.uid);
            rustix::fs::fchown(&theirs, Some(user), None)?;
            rustix::fs::fchmod(&theirs, Mode::RUSR | Mode::WUSR | Mode::WGRP)?;
        }
        rustix::io::ioctl_fionbio(&ours, true)?;
        let device = Self {
            shown: Receiver::from_file_unchecked(ours.try_clone()?.into())?,
            control: ours,
        };
        device.resize(size)?;
        Ok((device, theirs))
    }

    /// Tells the program the size of the window.
    pub(crate) fn resize(&self, size: TerminalSize) -> io::Result<()> {
        let window = Winsize {
            ws_row: size.rows,
            ws_col: size.columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        Ok(tcsetwinsize(&self.control, window)?)
    }

    /// Leader of the foreground process group.
    pub(crate) fn foreground(&self) -> Option<u32> {
        let group = rustix::termios::tcgetpgrp(&self.control).ok()?;
        u32::try_from(group.as_raw_pid()).ok()
    }

    /// Reads what the program shows; 0 when nobody has its side open any more.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.shown.readable().await?;
            match self.shown.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // What the kernel says when the last descriptor of the other side is closed.
                Err(error) if is_hangup(&error) => return Ok(0),
                other => return other,
            }
        }
    }

    /// Types all of `bytes`.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.control, bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.writable().await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn writable(&self) -> io::Result<()> {
        let typed = Sender::from_file_unchecked(self.control.try_clone()?.into())?;
        typed.writable().await
    }
}

fn is_hangup(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::IO.raw_os_error())
}
