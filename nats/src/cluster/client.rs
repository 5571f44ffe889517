//! What one client needs, in a folder of its own: copied to where it runs, and removed here.

use std::path::Path;

use nkeys::KeyPair;
use serde_json::Value;

use super::accounts::{User, operator, system};
use super::authority::Authority;
use super::{CLIENT_PORT, ClusterError, Known, file, private_folder, write_private};
use crate::embedded::credentials::User as BusUser;
use crate::embedded::permissions;

/// Where the files are to be on the host the client runs on, as `nats.env` says.
const INSTALLED: &str = "/etc/nexus/nats";

/// Makes the folder of every client; gives the users the servers have to know.
pub(super) fn make_all(
    folder: &Path,
    known: &Known,
    authority: &Authority,
) -> Result<Vec<User>, ClusterError> {
    let urls: Vec<String> = known
        .nodes
        .iter()
        .map(|node| format!("tls://{}", node.host.with_port(CLIENT_PORT)))
        .collect();
    let make = |name: &str, permissions: Value, of_system: bool, more: &str| {
        let told = Told {
            urls: &urls.join(","),
            more,
        };
        let public_key = make(&folder.join(name), name, told, authority)?;
        Ok(User {
            name: name.to_owned(),
            public_key,
            permissions,
            of_system,
        })
    };
    let ours = permissions::of(BusUser::ControlPlane);
    let mut users = vec![
        make("control-plane", ours, false, "")?,
        make("operator", operator(), false, "")?,
        make("system", system(), true, "")?,
    ];
    for worker in &known.workers {
        let (node, provider) = (worker.node, worker.provider);
        let rights = permissions::of(BusUser::Worker { node, provider });
        let name = format!("worker-{}", worker.name.as_str());
        users.push(make(&name, rights, false, &format!("NEXUS_NODE={node}\n"))?);
    }
    Ok(users)
}

/// What a client's environment says.
struct Told<'a> {
    urls: &'a str,
    more: &'a str,
}

fn make(
    folder: &Path,
    name: &str,
    told: Told<'_>,
    authority: &Authority,
) -> Result<String, ClusterError> {
    private_folder(folder)?;
    authority.identify(&folder.join("client.pem"), name)?;
    write_private(&folder.join("ca.pem"), &authority.certificate()?)?;
    let Told { urls, more } = told;
    let environment = format!(
        "NEXUS_NATS_URL={urls}\n\
         NEXUS_NATS_CA={INSTALLED}/ca.pem\n\
         NEXUS_NATS_CERT={INSTALLED}/client.pem\n\
         NEXUS_NATS_CREDS={INSTALLED}/seed.nk\n{more}"
    );
    write_private(&folder.join("nats.env"), environment.as_bytes())?;
    key(&folder.join("seed.nk"))
}

/// The public half of the key in this file, which is made where it is missing.
fn key(path: &Path) -> Result<String, ClusterError> {
    let wrong =
        |error: nkeys::error::Error| file("reading the key in", path)(std::io::Error::other(error));
    let key = if path.exists() {
        let seed = std::fs::read_to_string(path).map_err(file("reading the key in", path))?;
        KeyPair::from_seed(seed.trim()).map_err(wrong)?
    } else {
        let key = KeyPair::new_user();
        let seed = key.seed().map_err(wrong)?;
        write_private(path, format!("{seed}\n").as_bytes())?;
        key
    };
    Ok(key.public_key())
}
