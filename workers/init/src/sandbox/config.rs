//! Reading what to make, and refusing what could make something else.

use std::path::Path;

use anyhow::{Context as _, ensure};
use nexus_init_protocol::sandbox::SandboxConfig;

/// The configuration in a file.
pub(super) fn read(path: &Path) -> anyhow::Result<SandboxConfig> {
    let text = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let config: SandboxConfig =
        serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))?;
    check(&config)?;
    Ok(config)
}

fn check(config: &SandboxConfig) -> anyhow::Result<()> {
    let targets = config.binds.iter().map(|bind| &bind.target);
    let sources = config.binds.iter().map(|bind| &bind.source);
    for path in [&config.base, &config.directory].into_iter().chain(targets).chain(sources) {
        let has_parent = path.components().any(|part| part == std::path::Component::ParentDir);
        ensure!(path.is_absolute() && !has_parent, "{} is no absolute path", path.display());
    }
    ensure!(config.directory.file_name().is_some(), "the directory has no name");
    let name = &config.hostname;
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    ensure!((1..=63).contains(&name.len()) && name.bytes().all(is_label), "{name:?} is no host name");
    let is_variable = |(name, value): (&String, &String)| {
        !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
    };
    ensure!(config.env.iter().all(is_variable), "a variable of the environment has no usable name");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_init_protocol::sandbox::{SandboxBind, SandboxLimits, SandboxNetwork};

    fn config() -> SandboxConfig {
        SandboxConfig {
            base: "/base".into(),
            directory: "/data/ws-1".into(),
            hostname: "hello".into(),
            network: SandboxNetwork::Loopback,
            limits: SandboxLimits::default(),
            binds: Vec::new(),
            masked: Vec::new(),
            env: Default::default(),
        }
    }

    #[test]
    fn only_what_stays_where_it_says_passes() {
        check(&config()).unwrap();
        let bind = |target: &str| {
            let (source, target) = ("/data/home".into(), target.into());
            SandboxConfig {
                binds: vec![SandboxBind { source, target, read_only: false }],
                ..config()
            }
        };
        check(&bind("/home/dev")).unwrap();
        let named = |hostname: &str| SandboxConfig { hostname: hostname.into(), ..config() };
        for bad in [bind("/home/../etc"), bind("home"), named(""), named("a b"), named("a/b")] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }
}
