//! The rules that let workspaces out, and keep them from each other.
//!
//! In chains of our own, reached by one jump each: the engines' rules stay as they are, and taking
//! ours away never touches another's. An engine that refuses to forward by default (Docker does)
//! only obeys rules in the table it uses, so `iptables` is used where it is installed; `nft` does
//! on hosts that have nothing else.

use std::io::{self, Write as _};
use std::process::{Child, Output, Stdio};

use super::super::program;
use super::Range;
use crate::provider::{ErrorClass, ProviderError, Result};

/// Addresses that belong to the link itself; clouds hand out credentials there.
const LINK_LOCAL: &str = "169.254.0.0/16";

/// Makes sure that the rules of a range are in force.
pub(super) fn ensure(range: Range) -> Result<()> {
    match find_tool() {
        Some(Tool::Iptables) => ensure_by_iptables(range),
        Some(Tool::Nft) => run("nft", &["-f", "-"], &nft_rules(range)).map(drop),
        None => Err(ProviderError::new(
            ErrorClass::Absent,
            "letting workspaces reach the network",
            "neither iptables nor nft is installed",
        )
        .with_hint("install the package iptables, or set NEXUS_PROCESS_NETWORK=host")),
    }
}

/// Takes the rules of a range away; none there is success.
pub(super) fn remove(range: Range) -> Result<()> {
    match find_tool() {
        Some(Tool::Iptables) => remove_by_iptables(range),
        Some(Tool::Nft) => {
            let table = table_name(range);
            let text = format!("add table ip {table}\ndelete table ip {table}\n");
            run("nft", &["-f", "-"], &text).map(drop)
        }
        None => Ok(()),
    }
}

/// Whether this host has what it takes.
pub(in super::super) fn is_possible() -> bool {
    find_tool().is_some()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Iptables,
    Nft,
}

fn find_tool() -> Option<Tool> {
    let has = |name| program::find(name).is_some();
    match (has("iptables") && has("iptables-restore"), has("nft")) {
        (true, _) => Some(Tool::Iptables),
        (false, true) => Some(Tool::Nft),
        (false, false) => None,
    }
}

fn chain(range: Range) -> String {
    format!("NEXUS-{}", range.label())
}

/// A jump into a chain of ours: its table, the chain it stands in, the rest of its arguments.
type Jump = (&'static str, &'static str, String);

fn jumps(range: Range) -> [Jump; 2] {
    let chain = chain(range);
    [
        ("nat", "POSTROUTING", format!("-s {range} -j {chain}")),
        ("filter", "FORWARD", format!("-j {chain}")),
    ]
}

fn own_rules(range: Range, table: &str) -> Vec<String> {
    match table {
        "nat" => vec![format!("! -d {range} -j MASQUERADE")],
        _ => vec![
            format!("-s {range} -d {range} -j DROP"),
            format!("-s {range} -d {LINK_LOCAL} -j DROP"),
            format!("-s {range} -j ACCEPT"),
            format!("-d {range} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
            format!("-d {range} -j DROP"),
        ],
    }
}

fn ensure_by_iptables(range: Range) -> Result<()> {
    // Both at once: each is a program that has to start, and a start of a workspace waits for it.
    let asked = jumps(range).map(|jump| (begin_check(&jump), jump));
    let missing: Vec<Jump> = asked
        .into_iter()
        .filter_map(|(check, jump)| (!holds(check)).then_some(jump))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let chain = chain(range);
    let mut text = String::new();
    for (table, parent, jump) in missing {
        // Naming a chain of ours empties it, so the rules inside are never there twice.
        text += &format!("*{table}\n:{chain} - [0:0]\n");
        for rule in own_rules(range, table) {
            text += &format!("-A {chain} {rule}\n");
        }
        text += &format!("-I {parent} 1 {jump}\nCOMMIT\n");
    }
    run("iptables-restore", &["--wait=10", "--noflush"], &text).map(drop)
}

fn remove_by_iptables(range: Range) -> Result<()> {
    let chain = chain(range);
    let mut text = String::new();
    for (table, parent, jump) in jumps(range) {
        let has_jump = exists(&(table, parent, jump.clone()));
        let has_chain = has_jump || holds(begin(table, &["-n", "-L", &chain]));
        if has_jump {
            text += &format!("*{table}\n-D {parent} {jump}\n-F {chain}\n-X {chain}\nCOMMIT\n");
        } else if has_chain {
            text += &format!("*{table}\n-F {chain}\n-X {chain}\nCOMMIT\n");
        }
    }
    match text.is_empty() {
        true => Ok(()),
        false => run("iptables-restore", &["--wait=10", "--noflush"], &text).map(drop),
    }
}

fn exists(jump: &Jump) -> bool {
    holds(begin_check(jump))
}

/// Asks whether a jump stands where it should.
fn begin_check((table, parent, jump): &Jump) -> io::Result<Child> {
    let mut arguments = vec!["-C", parent];
    arguments.extend(jump.split(' '));
    begin(table, &arguments)
}

fn begin(table: &str, arguments: &[&str]) -> io::Result<Child> {
    let mut command = program::command("iptables");
    command
        .args(["--wait", "10", "-t", table])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn()
}

fn holds(asked: io::Result<Child>) -> bool {
    let ended = asked.and_then(|mut child| child.wait());
    ended.is_ok_and(|status| status.success())
}

fn table_name(range: Range) -> String {
    format!("nexus_{}", range.label().replace(['.', '-'], "_"))
}

/// The table is made anew in one transaction, so a second time changes nothing.
fn nft_rules(range: Range) -> String {
    let table = table_name(range);
    format!(
        "add table ip {table}\n\
         delete table ip {table}\n\
         table ip {table} {{\n\
           chain out {{\n\
             type nat hook postrouting priority 100;\n\
             ip saddr {range} ip daddr != {range} masquerade\n\
           }}\n\
           chain through {{\n\
             type filter hook forward priority 0;\n\
             ip saddr {range} ip daddr {range} drop\n\
             ip saddr {range} ip daddr {LINK_LOCAL} drop\n\
             ip daddr {range} ct state established,related accept\n\
             ip daddr {range} drop\n\
           }}\n\
         }}\n"
    )
}

fn run(program: &str, arguments: &[&str], input: &str) -> Result<Output> {
    let attempted = || "changing the firewall for workspaces";
    let output = feed(program, arguments, input).map_err(|error| {
        let cause = format!("{program}: {error}");
        ProviderError::new(ErrorClass::Transient, attempted(), cause).caused_by(error)
    })?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let cause = format!("{program} ended with {}: {}", output.status, said.trim());
    Err(
        ProviderError::new(ErrorClass::Transient, attempted(), cause)
            .with_hint("see the rules: iptables-save, or set NEXUS_PROCESS_NETWORK=host"),
    )
}

fn feed(program: &str, arguments: &[&str], input: &str) -> io::Result<Output> {
    let mut command = program::command(program);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    child.wait_with_output()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_what_the_kernel_takes() {
        for range in Range::USUAL {
            assert!(chain(range).len() <= 28, "{}", chain(range));
            assert!(!table_name(range).contains(['.', '-']));
        }
    }

    #[test]
    fn workspaces_are_kept_apart_before_anything_is_let_through() {
        let rules = own_rules(Range::USUAL[0], "filter");
        let first_accept = rules
            .iter()
            .position(|rule| rule.ends_with("ACCEPT"))
            .unwrap();
        assert!(
            rules[..first_accept]
                .iter()
                .all(|rule| rule.ends_with("DROP"))
        );
        assert_eq!(rules[0], "-s 10.213.0.0/16 -d 10.213.0.0/16 -j DROP");
    }
}
