//! What types cannot say: values that do not go together, and what this version does not serve.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use waxwing_xmpp::jid;

use super::{
    Config, Host, HostPlugin, Kind, Listener, Plugin, Plugins, Tls, TlsPolicy, error::Fault,
};

/// Least size that a server may limit stanzas to (RFC 6120 §13.12).
const STANZA_FLOOR: usize = 10_000;
/// Beyond it one client could hold too much of the server's memory.
const STANZA_CEILING: usize = 16 * 1024 * 1024;
const PRE_AUTH_SECONDS: u32 = 600;
/// Who has not come back by then does not.
const RESUME_SECONDS: u32 = 86_400;
/// Less, and a client on a slow network could not answer in time; more is as good as no limit.
const IDLE_PROBE_SECONDS: std::ops::RangeInclusive<u32> = 5..=86_400;
/// Less, and one burst of a contact's would end a session; more is more than one client may hold of the server's memory.
const OUTBOUND_BYTES: std::ops::RangeInclusive<u32> = 65_536..=(1 << 30);
const OUTBOUND_STANZAS: std::ops::RangeInclusive<u32> = 64..=1_000_000;
/// Less would not hold the addresses of a request.
const REQUEST_BYTES: usize = 1_024;
/// What a session reads at once.
const BYTES_PER_SECOND: u32 = 16_384;
/// The longest that compiling a component may be allowed to take.
const COMPILE_SECONDS: u32 = 3_600;
/// Less, and the process that compiles could not begin; more is as good as no limit.
const COMPILE_MIB_FLOOR: u32 = 1_024;
const COMPILE_MIB_CEILING: u32 = 65_536;
/// Less, and no instance could have what it may; more is more than there are addresses for.
const MEMORY_MIB_FLOOR: u32 = 64;
const MEMORY_MIB_CEILING: u32 = 1 << 20;
/// Length of plugins' names, in bytes.
const PLUGIN_NAME: usize = 64;

/// Checks a configuration and prepares its addresses.
pub(super) fn finish(mut config: Config) -> Result<Config, Fault> {
    hosts(&mut config.host)?;
    listeners(&config.listen)?;
    files(&config)?;
    sasl(&config)?;
    limits(&config)?;
    not_served(&config)?;
    plugins(&mut config.plugin)?;
    Ok(config)
}

fn check(condition: bool, path: &str, message: &str) -> Result<(), Fault> {
    if condition {
        Ok(())
    } else {
        Err(Fault::of(path, message))
    }
}

fn hosts(hosts: &mut [Host]) -> Result<(), Fault> {
    check(
        !hosts.is_empty(),
        "host",
        "no domain to serve; add a [[host]], or remove the key",
    )?;
    let mut seen = BTreeSet::new();
    for (index, host) in hosts.iter_mut().enumerate() {
        let key = format!("host.{index}.domain");
        host.domain = jid::prepare_domain(&host.domain).map_err(|_| {
            Fault::of(
                &key,
                format!("`{}` is not a domain such as example.org", host.domain),
            )
        })?;
        check(
            seen.insert(host.domain.clone()),
            &key,
            "this domain is there twice",
        )?;
        for (place, admin) in host.admins.iter_mut().enumerate() {
            *admin = account(admin, &format!("host.{index}.admins.{place}"))?;
        }
        host_plugins(&host.plugin, index)?;
    }
    Ok(())
}

/// The prepared form of an account's address.
fn account(text: &str, key: &str) -> Result<String, Fault> {
    let wrong = || {
        Fault::of(
            key,
            format!("`{text}` is not an account such as admin@localhost"),
        )
    };
    let address = jid::parse_bare(text).map_err(|_| wrong())?;
    if address.node().is_none() {
        Err(wrong())
    } else {
        Ok(address.to_string())
    }
}

fn host_plugins(plugins: &BTreeMap<String, HostPlugin>, host: usize) -> Result<(), Fault> {
    plugins
        .keys()
        .try_for_each(|name| plugin_name(name, &format!("host.{host}.plugin.{name}")))
}

fn listeners(listeners: &[Listener]) -> Result<(), Fault> {
    check(
        !listeners.is_empty(),
        "listen",
        "nothing to listen on; add a [[listen]], or remove the key",
    )?;
    let mut seen = BTreeSet::new();
    for (index, listener) in listeners.iter().enumerate() {
        self::listener(listener, index)?;
        let free = listener.address.port() == 0 || seen.insert(listener.address);
        check(
            free,
            &format!("listen.{index}.address"),
            "another listener has this address",
        )?;
    }
    Ok(())
}

fn listener(listener: &Listener, index: usize) -> Result<(), Fault> {
    let Listener {
        kind, address, tls, ..
    } = listener;
    if !kind.is_served() {
        let message = format!("listener kind \"{kind}\" is not served by this version");
        return Err(Fault::of(format!("listen.{index}.kind"), message));
    }
    trusted_proxies(listener, index)?;
    let key = format!("listen.{index}.tls");
    let direct = *kind == Kind::C2sTls && *tls != TlsPolicy::Required;
    check(
        !direct,
        &key,
        "c2s-tls is encrypted from the first byte; use \"required\", or kind = \"c2s\"",
    )?;
    if *kind == Kind::Metrics {
        return metrics(*tls, address, index);
    }
    if *tls == TlsPolicy::None && !address.ip().is_loopback() {
        let message = format!(
            "\"none\" is refused on {address}, since others could read along; use \"required\", or an address of loopback"
        );
        return Err(Fault::of(key, message));
    }
    Ok(())
}

fn trusted_proxies(listener: &Listener, index: usize) -> Result<(), Fault> {
    let key = format!("listen.{index}.trusted_proxies");
    for (place, network) in listener.trusted_proxies.iter().enumerate() {
        check(
            !network.is_everything(),
            &format!("{key}.{place}"),
            "everybody could claim to have any address; name the networks of the proxies",
        )?;
    }
    let is_clients = matches!(listener.kind, Kind::C2s | Kind::C2sTls);
    check(
        is_clients || listener.trusted_proxies.is_empty(),
        &key,
        "metrics know of no proxies; remove `trusted_proxies`",
    )
}

/// Figures say who talks how much: they are not for others to read along.
fn metrics(tls: TlsPolicy, address: &SocketAddr, index: usize) -> Result<(), Fault> {
    check(
        tls == TlsPolicy::None,
        &format!("listen.{index}.tls"),
        "metrics are served in clear text; remove `tls`",
    )?;
    let message = format!(
        "metrics are refused on {address}, since others could read along; use an address of loopback, and a proxy with TLS for other machines"
    );
    check(
        address.ip().is_loopback(),
        &format!("listen.{index}.address"),
        &message,
    )
}

fn files(config: &Config) -> Result<(), Fault> {
    check(
        !config.data_dir.as_os_str().is_empty(),
        "data_dir",
        "a folder must be named",
    )?;
    let plugins = &config.plugins;
    let named = !plugins.directory.as_os_str().is_empty();
    check(named, "plugins.directory", "a folder must be named")?;
    compiling(plugins)?;
    instances(plugins)?;
    certificate(&config.tls, "tls")?;
    let mut hosts = config.host.iter().enumerate();
    hosts.try_for_each(|(index, host)| certificate(&host.tls, &format!("host.{index}.tls")))
}

/// A certificate and its key are named together.
fn certificate(section: &Tls, key: &str) -> Result<(), Fault> {
    match (&section.certificate, &section.private_key) {
        (Some(_), None) => Err(Fault::of(
            format!("{key}.certificate"),
            "its key is missing; add `private_key`",
        )),
        (None, Some(_)) => Err(Fault::of(
            format!("{key}.private_key"),
            "its certificate is missing; add `certificate`",
        )),
        _ => Ok(()),
    }
}

fn sasl(config: &Config) -> Result<(), Fault> {
    let mechanisms = &config.sasl.mechanisms;
    check(
        !mechanisms.is_empty(),
        "sasl.mechanisms",
        "without a mechanism nobody can log in",
    )?;
    let mut seen = BTreeSet::new();
    for (index, mechanism) in mechanisms.iter().enumerate() {
        let key = format!("sasl.mechanisms.{index}");
        check(
            seen.insert(*mechanism),
            &key,
            "this mechanism is there twice",
        )?;
    }
    Ok(())
}

/// Limits of the process that compiles: such as a processor can keep, and neither nothing nor as good as none.
fn compiling(plugins: &Plugins) -> Result<(), Fault> {
    for (key, seconds) in [
        ("plugins.compile_cpu_seconds", plugins.compile_cpu_seconds),
        ("plugins.compile_wall_seconds", plugins.compile_wall_seconds),
    ] {
        let fits = (1..=COMPILE_SECONDS).contains(&seconds);
        check(fits, key, "must be from 1 to 3600 seconds")?;
    }
    let fits = (COMPILE_MIB_FLOOR..=COMPILE_MIB_CEILING).contains(&plugins.compile_memory_mib);
    check(
        fits,
        "plugins.compile_memory_mib",
        "must be from 1024 to 65536 MiB",
    )
}

/// Memory of the instances: room for at least one with all that it may have, in each of the totals.
fn instances(plugins: &Plugins) -> Result<(), Fault> {
    for (key, mebibytes) in [
        ("plugins.plugin_memory_mib", plugins.plugin_memory_mib),
        ("plugins.memory_mib", plugins.memory_mib),
    ] {
        let fits = (MEMORY_MIB_FLOOR..=MEMORY_MIB_CEILING).contains(&mebibytes);
        check(fits, key, "must be from 64 to 1048576 MiB")?;
    }
    check(
        plugins.plugin_memory_mib <= plugins.memory_mib,
        "plugins.plugin_memory_mib",
        "must not be more than `plugins.memory_mib`, which holds for all plugins together",
    )
}

fn limits(config: &Config) -> Result<(), Fault> {
    let limits = &config.limits;
    for (key, bytes) in [
        ("limits.stanza_bytes", limits.stanza_bytes),
        ("limits.pre_auth_stanza_bytes", limits.pre_auth_stanza_bytes),
    ] {
        let fits = (STANZA_FLOOR..=STANZA_CEILING).contains(&bytes);
        check(
            fits,
            key,
            "must be from 10000 (RFC 6120, 13.12) to 16777216 bytes",
        )?;
    }
    let fits = (1..=PRE_AUTH_SECONDS).contains(&limits.pre_auth_seconds);
    check(
        fits,
        "limits.pre_auth_seconds",
        "must be from 1 to 600 seconds",
    )?;
    check(
        limits.resume_seconds <= RESUME_SECONDS,
        "limits.resume_seconds",
        "must be at most 86400 seconds, a day",
    )?;
    check(
        limits.idle_probe_seconds == 0 || IDLE_PROBE_SECONDS.contains(&limits.idle_probe_seconds),
        "limits.idle_probe_seconds",
        "must be 0, for no limit, or from 5 to 86400 seconds",
    )?;
    check(
        limits.sessions_per_account > 0,
        "limits.sessions_per_account",
        "must be at least 1",
    )?;
    check(
        OUTBOUND_BYTES.contains(&limits.outbound_bytes),
        "limits.outbound_bytes",
        "must be from 65536 to 1073741824 bytes",
    )?;
    check(
        OUTBOUND_STANZAS.contains(&limits.outbound_stanzas),
        "limits.outbound_stanzas",
        "must be from 64 to 1000000 stanzas",
    )?;
    check(
        (REQUEST_BYTES..=STANZA_CEILING).contains(&limits.request_bytes),
        "limits.request_bytes",
        "must be from 1024 to 16777216 bytes",
    )?;
    check(
        limits.bytes_per_second == 0 || limits.bytes_per_second >= BYTES_PER_SECOND,
        "limits.bytes_per_second",
        "must be 0, for no limit, or at least 16384, since so much is read at once",
    )
}

/// What has a place in the configuration, but nothing behind it yet.
fn not_served(config: &Config) -> Result<(), Fault> {
    let message = "several nodes are not served by this version; remove [cluster]";
    check(config.cluster.is_none(), "cluster", message)?;
    let message =
        "is not of the form \"sqlite:FILE\" or \"postgres://USER:PASSWORD@HOST/DATABASE\"";
    let served = waxwing_storage::is_served(&config.storage.url);
    check(served, "storage.url", message)
}

fn plugins(plugins: &mut BTreeMap<String, Plugin>) -> Result<(), Fault> {
    for (name, plugin) in plugins {
        plugin_name(name, &format!("plugin.{name}"))?;
        if let Some(digest) = &mut plugin.sha256 {
            let hexadecimal =
                digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            check(
                hexadecimal,
                &format!("plugin.{name}.sha256"),
                "must be 64 hexadecimal digits",
            )?;
            digest.make_ascii_lowercase();
        }
    }
    Ok(())
}

fn plugin_name(name: &str, key: &str) -> Result<(), Fault> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=PLUGIN_NAME).contains(&name.len()) && name.bytes().all(allowed);
    check(
        fits,
        key,
        "plugins' names are of lower-case letters, digits and hyphens",
    )
}
