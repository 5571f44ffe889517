//! `nexus-init`: the one process inside every workspace.

fn main() -> std::process::ExitCode {
    nexus_init::main()
}
