//! The system calls by which a program gets time and chance, answered by the simulation on its own
//! thread and by the system everywhere else.
//!
//! What the C library defines a program may define, too, and then has precedence: the same way
//! performance measurements take the chance out of hash maps.

#![expect(
    unsafe_code,
    reason = "these are functions of the C library, with its pointers"
)]

use std::os::fd::BorrowedFd;
use std::time::Duration;

use libc::{c_int, c_uint, c_void, clockid_t, epoll_event, size_t, ssize_t, timespec};
use nexus_tests::simulation::virtually;

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    let simulated = match clock {
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE => virtually::wall(),
        libc::CLOCK_MONOTONIC
        | libc::CLOCK_MONOTONIC_COARSE
        | libc::CLOCK_MONOTONIC_RAW
        | libc::CLOCK_BOOTTIME => virtually::steady(),
        _ => None,
    };
    let Some(now) = simulated else {
        // SAFETY: the caller's arguments, unchanged.
        let answer = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) };
        return if answer == 0 { 0 } else { -1 };
    };
    let now = timespec {
        tv_sec: libc::time_t::try_from(now.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: now.subsec_nanos().into(),
    };
    // SAFETY: the caller gives a place for a time.
    unsafe { time.write(now) };
    0
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut c_void, length: size_t, flags: c_uint) -> ssize_t {
    if virtually::is_on() {
        // SAFETY: the caller gives a place for that many bytes; they are written before read.
        let bytes = unsafe {
            buffer.cast::<u8>().write_bytes(0, length);
            std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length)
        };
        virtually::fill(bytes);
        return ssize_t::try_from(length).unwrap_or(ssize_t::MAX);
    }
    // SAFETY: the caller's arguments, unchanged.
    let answer = unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) };
    ssize_t::try_from(answer).unwrap_or(-1)
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_wait(
    epoll: c_int,
    events: *mut epoll_event,
    most: c_int,
    timeout: c_int,
) -> c_int {
    // SAFETY: the caller's arguments; only the time differs.
    let wait =
        |timeout| unsafe { libc::epoll_pwait(epoll, events, most, timeout, std::ptr::null()) };
    if !virtually::is_on() {
        return wait(timeout);
    }
    let found = wait(0);
    if found != 0 || timeout == 0 {
        return found;
    }
    let time = u64::try_from(timeout).ok().map(Duration::from_millis);
    // SAFETY: whoever waits on it has it open.
    virtually::would_sleep(unsafe { BorrowedFd::borrow_raw(epoll) }, time);
    wait(0)
}
