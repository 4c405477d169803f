//! Other servers from Debian's packages, each in a folder of its own: what the bench compares with, and what tells a
//! wrong test from a wrong server. Neither keeps an archive, limits traffic, or listens outside loopback.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::client::login::password_of;
use crate::client::ns;
use crate::tls::Version;
use crate::xml::escape;
use crate::{Client, PATIENCE};

/// Whether clients must negotiate TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// No TLS; passwords in SCRAM only.
    Off,
    /// STARTTLS is required, and direct TLS listened for.
    Required,
}

/// A running server of another project; its process is apart.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Kind and address, as in Waxwing's ready line.
    pub listeners: Vec<(String, SocketAddr)>,
    tls: Tls,
}

impl Peer {
    /// Registers `user@localhost` in-band.
    pub async fn register(&self, user: &str) -> Result<()> {
        let (_, address) = self
            .listeners
            .first()
            .context("the server listens nowhere")?;
        let mut client = Client::connect(*address).await?;
        client
            .open_secure(
                "localhost",
                (self.tls == Tls::Required).then_some(Version::V13),
            )
            .await?;
        let answer = client
            .iq(
                "set",
                "localhost",
                &register_request(user, &password_of(user)),
            )
            .await?;
        ensure!(
            answer.attr("type") == Some("result"),
            "cannot register {user}: {answer}"
        );
        client.close().await.map(drop)
    }
}

/// The payload that registers an account (XEP-0077).
#[must_use]
pub fn register_request(user: &str, password: &str) -> String {
    format!(
        "<query xmlns='{}'><username>{}</username><password>{}</password></query>",
        ns::REGISTER,
        escape(user),
        escape(password)
    )
}

/// Starts a program, on some processors only if the bench says so.
fn program(name: &OsStr, cpus: Option<&str>) -> Command {
    match cpus {
        None => Command::new(name),
        Some(cpus) => {
            let mut command = Command::new("taskset");
            command.arg("--cpu-list").arg(cpus).arg(name);
            command
        }
    }
}

/// Starts Prosody; `folder` holds `cert.pem` and `key.pem` when TLS is required.
pub async fn prosody(folder: &Path, tls: Tls) -> Result<(Peer, Child)> {
    let hash = match tls {
        Tls::Off => "SHA-1",
        Tls::Required => "SHA-256",
    };
    prosody_with(folder, tls, None, &prosody_for_load(hash)).await
}

/// Starts Prosody on some processors, in the syntax of `taskset`; its accounts have keys for SCRAM-SHA-1.
pub async fn prosody_on(folder: &Path, tls: Tls, cpus: &str) -> Result<(Peer, Child)> {
    prosody_with(folder, tls, Some(cpus), &prosody_for_load("SHA-1")).await
}

/// Starts Prosody with offline messages and a second domain, without TLS: for the dialogues.
pub async fn prosody_for_dialogues(folder: &Path, other: &str) -> Result<(Peer, Child)> {
    let more = PROSODY_LIKE_OURS.replace("OTHER", other);
    prosody_with(folder, Tls::Off, None, &more).await
}

/// What is enabled and served where messages are counted.
fn prosody_for_load(hash: &str) -> String {
    format!(
        "password_hash = \"{hash}\"\nmodules_disabled = {{ \"s2s\"; \"offline\" }}\n\
         VirtualHost \"localhost\"\nmodules_enabled = {{ \"smacks\" }}\n"
    )
}

/// What is served where behaviour is compared.
const PROSODY_LIKE_OURS: &str = "password_hash = \"SHA-1\"\nmodules_disabled = { \"s2s\" }\n\
     VirtualHost \"localhost\"\nVirtualHost \"OTHER\"\n";

async fn prosody_with(
    folder: &Path,
    tls: Tls,
    cpus: Option<&str>,
    served: &str,
) -> Result<(Peer, Child)> {
    let (plain, direct) = (free_port()?, free_port()?);
    let shown = folder.display();
    let (secure, modules, direct_ports) = match tls {
        Tls::Off => ("false", "", String::new()),
        Tls::Required => (
            "true",
            "\"tls\";",
            format!("c2s_direct_tls_ports = {{ {direct} }}\n"),
        ),
    };
    let config = format!(
        "run_as_root = true\npidfile = \"{shown}/prosody.pid\"\ndata_path = \"{shown}/prosody-data\"\n\
         log = {{ error = \"{shown}/prosody.log\" }}\nplugin_paths = {{}}\n\
         interfaces = {{ \"127.0.0.1\" }}\nc2s_ports = {{ {plain} }}\n{direct_ports}s2s_ports = {{}}\n\
         modules_enabled = {{ \"saslauth\"; \"roster\"; \"disco\"; \"ping\"; \"register\"; \"posix\"; \"presence\"; \"message\"; \"iq\"; {modules} }}\n\
         authentication = \"internal_hashed\"\nallow_registration = true\n\
         c2s_require_encryption = {secure}\nallow_unencrypted_plain_auth = false\n\
         ssl = {{ certificate = \"{shown}/cert.pem\"; key = \"{shown}/key.pem\" }}\nlimits = {{}}\n\
         {served}"
    );
    std::fs::create_dir_all(folder.join("prosody-data"))?;
    let file = folder.join("prosody.cfg.lua");
    std::fs::write(&file, config)?;
    let mut command = program(OsStr::new("prosody"), cpus);
    command
        .arg("-F")
        .arg("--config")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let child = command
        .spawn()
        .context("cannot start prosody; `cargo xtask bench` installs it")?;
    let address = SocketAddr::from(([127, 0, 0, 1], plain));
    wait_for_port(address)
        .await
        .with_context(|| log_of(&folder.join("prosody.log")))?;
    let mut listeners = vec![("c2s".to_owned(), address)];
    if tls == Tls::Required {
        listeners.push((
            "c2s-tls".to_owned(),
            SocketAddr::from(([127, 0, 0, 1], direct)),
        ));
    }
    Ok((Peer { listeners, tls }, child))
}

/// Starts ejabberd on some processors, in the syntax of `taskset`; `folder` holds `cert.pem` and `key.pem` when TLS is required.
pub async fn ejabberd_on(folder: &Path, tls: Tls, cpus: &str) -> Result<(Peer, Child)> {
    let port = free_port()?;
    let shown = folder.display();
    let (starttls, certificate) = match tls {
        Tls::Off => ("starttls: false", String::new()),
        Tls::Required => (
            "starttls_required: true",
            format!("certfiles:\n  - \"{shown}/cert.pem\"\n  - \"{shown}/key.pem\"\n"),
        ),
    };
    let config = format!(
        "hosts: [\"localhost\"]\nloglevel: error\nlisten:\n  -\n    port: {port}\n    ip: \"127.0.0.1\"\n    module: ejabberd_c2s\n    \
         max_stanza_size: 262144\n    shaper: none\n    access: c2s\n    {starttls}\n{certificate}\
         auth_method: internal\nauth_password_format: scram\nregistration_timeout: infinity\n\
         acl:\n  local:\n    user_regexp: \"\"\naccess_rules:\n  c2s:\n    - allow\n  register:\n    - allow\n\
         modules:\n  mod_disco: {{}}\n  mod_ping: {{}}\n  mod_roster: {{}}\n  mod_stream_mgmt: {{}}\n  mod_register:\n    access: register\n    \
         ip_access: all\n    password_strength: 0\n"
    );
    let file = folder.join("ejabberd.yml");
    std::fs::write(&file, config)?;
    let libraries = ejabberd_libraries()
        .context("ejabberd is not installed; `cargo xtask bench` installs it")?;
    let spool = folder.join("mnesia");
    std::fs::create_dir_all(&spool)?;
    let mut command = program(OsStr::new("erl"), Some(cpus));
    // Connections as many as the system lets it have.
    command
        .args(["-noinput", "+K", "true", "+Q", "65536"])
        .arg("-pa")
        .args(libraries)
        .arg("-mnesia")
        .arg("dir")
        .arg(format!("\"{}\"", spool.display()))
        .args(["-s", "ejabberd"])
        .env("EJABBERD_CONFIG_PATH", &file)
        .env("EJABBERD_LOG_PATH", folder.join("ejabberd.log"))
        .env("SPOOL_DIR", &spool)
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let child = command
        .spawn()
        .context("cannot start ejabberd; `cargo xtask bench` installs it")?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    wait_for_port(address)
        .await
        .with_context(|| log_of(&folder.join("ejabberd.log")))?;
    Ok((
        Peer {
            listeners: vec![("c2s".to_owned(), address)],
            tls,
        },
        child,
    ))
}

/// Folders of compiled code of ejabberd and of the libraries packaged beside it.
fn ejabberd_libraries() -> Option<Vec<PathBuf>> {
    let mut found = Vec::new();
    for base in ["/usr/lib", "/usr/share"] {
        for folder in subfolders(Path::new(base)) {
            found.extend(
                subfolders(&folder)
                    .into_iter()
                    .chain([folder])
                    .filter(|folder| {
                        let name = folder
                            .file_name()
                            .and_then(OsStr::to_str)
                            .unwrap_or_default();
                        name.starts_with("ejabberd-") && folder.join("ebin").is_dir()
                    }),
            );
        }
    }
    (!found.is_empty()).then(|| {
        found
            .into_iter()
            .map(|folder| folder.join("ebin"))
            .collect()
    })
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

/// A port that was free a moment ago, for servers that cannot choose one themselves.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until somebody listens there.
pub async fn wait_for_port(address: SocketAddr) -> Result<()> {
    timeout(PATIENCE, async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .with_context(|| format!("nothing listens on {address}"))
}

fn log_of(file: &Path) -> String {
    format!(
        "its log: {}",
        std::fs::read_to_string(file).unwrap_or_default()
    )
}
