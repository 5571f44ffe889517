//! The OpenSSH command line is a list of words, whatever a server says.

use super::*;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

fn ssh(port: u16) -> SshView {
    SshView {
        host: "127.0.0.1".into(),
        port,
        user: "dev".into(),
        host_key: Some(KEY.into()),
    }
}

#[test]
fn the_command_is_pinned_and_ends_its_options_before_the_address() {
    let arguments = Ssh {
        forward_agent: true,
        local_forward: vec!["8080:localhost:80".into()],
        command: vec!["-oProxyCommand=id".into()],
        ..Ssh::default()
    };
    let words = words(
        &ssh(2222),
        "ws-1",
        Path::new("/home/a b/100%/known_hosts"),
        None,
        &arguments,
    );
    insta::assert_snapshot!(shell_line(&words), @r#"
    ssh -p 2222 -o 'UserKnownHostsFile="/home/a b/100%%/known_hosts"' -o HostKeyAlias=ws-1 -o StrictHostKeyChecking=yes -A -L 8080:localhost:80 -- dev@127.0.0.1 -oProxyCommand=id
    "#);
}

#[test]
fn what_is_no_user_host_or_key_is_refused() {
    for bad in ["", "-oProxyCommand=id", "a b", "A", "a\n", "a@b"] {
        assert!(!is_user(bad), "{bad:?}");
    }
    for bad in ["", "-x", "a b", "a/b", "a\nb", "a@b", "a%b"] {
        assert!(!is_host(bad), "{bad:?}");
    }
    for good in ["127.0.0.1", "::1", "host-1.example.com"] {
        assert!(is_host(good), "{good:?}");
    }
    for bad in [
        "",
        "ssh-ed25519",
        "ssh-ed25519 A\n* ssh-rsa B",
        "@cert-authority * ssh-rsa A",
    ] {
        assert_eq!(host_key(bad), None, "{bad:?}");
    }
    assert_eq!(host_key(&format!("{KEY} root@box")).as_deref(), Some(KEY));
}

#[test]
fn a_new_key_replaces_the_old_one_and_whoever_had_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    let other = KEY.replace("IOMq", "IPMq");
    pin(&path, "ws-1", &ssh(2222), KEY).unwrap();
    pin(&path, "ws-2", &ssh(2223), KEY).unwrap();
    pin(&path, "ws-1", &ssh(2224), &other).unwrap();
    pin(&path, "ws-3", &ssh(2223), &other).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text,
        format!("ws-1,[127.0.0.1]:2224 {other}\nws-3,[127.0.0.1]:2223 {other}\n")
    );
}

#[test]
fn openssh_reads_the_file_as_meant() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    pin(&path, "ws-1", &ssh(2222), KEY).unwrap();
    for name in ["ws-1", "[127.0.0.1]:2222"] {
        let found = Command::new("ssh-keygen")
            .args(["-F", name, "-f"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(found.status.success(), "{name}");
    }
}
