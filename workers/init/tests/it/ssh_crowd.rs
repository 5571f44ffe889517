//! Many connections: honest ones all get in, half-open ones keep nobody out, nothing is left.

use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::harness::in_time;
use crate::reached::{Reached, is_skipped, text};

/// Descriptors and children of init at this moment.
async fn held(reached: &Reached) -> (usize, Vec<String>) {
    let process = reached.init.process_id();
    let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    let children = children.unwrap();
    let children = children.split_whitespace().map(str::to_owned);
    (descriptors.count(), children.collect())
}

/// Waits until init holds no more than it did.
async fn is_back_to(reached: &Reached, before: usize) {
    in_time(async {
        loop {
            let status = reached.init.client.status().await.unwrap();
            let (descriptors, children) = held(reached).await;
            if status.ssh_connections == 0 && children.is_empty() && descriptors <= before {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn five_hundred_half_open_connections_keep_nobody_out() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    assert!(reached.run(&["true"]).await.status.success());
    is_back_to(&reached, usize::MAX).await;
    let (before, _) = held(&reached).await;
    let mut half_open = Vec::new();
    for number in 0..500 {
        let address = ("127.0.0.1", reached.port);
        let mut stream = TcpStream::connect(address).await.unwrap();
        // Half of them say who they are, and nothing more.
        if number % 2 == 0 {
            // It may have been sent away already.
            let _gone = stream.write_all(b"SSH-2.0-half-open\r\n").await;
        }
        half_open.push(stream);
    }
    // Each was greeted once it was taken over; the oldest were sent away for the newer ones.
    let mut greeting = [0; 8];
    let last = half_open.last_mut().unwrap();
    in_time(last.read_exact(&mut greeting)).await.unwrap();
    assert_eq!(&greeting, b"SSH-2.0-");
    let status = reached.init.client.status().await.unwrap();
    assert!(status.ssh_connections <= 257, "{}", status.ssh_connections);
    for _each in 0..3 {
        let output = reached.run(&["echo in"]).await;
        assert_eq!(text(&output.stdout), "in\n", "{}", text(&output.stderr));
    }
    drop(half_open);
    is_back_to(&reached, before).await;
}

#[tokio::test]
async fn two_hundred_logins_at_once_all_get_in_and_leave_nothing() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    assert!(reached.run(&["true"]).await.status.success());
    is_back_to(&reached, usize::MAX).await;
    let (before, _) = held(&reached).await;
    let mut logins = JoinSet::new();
    for number in 0..200 {
        let mut command = reached.ssh(&[], "root", &["echo", &number.to_string()]);
        command.stdin(Stdio::null());
        logins.spawn(async move { (number, command.output().await.unwrap()) });
    }
    while let Some(login) = in_time(logins.join_next()).await {
        let (number, output) = login.unwrap();
        let said = text(&output.stderr);
        assert_eq!(text(&output.stdout), format!("{number}\n"), "{said}");
    }
    is_back_to(&reached, before).await;
}
