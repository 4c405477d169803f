//! The configuration's promises: its defaults, its layers, and the text of every complaint.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::{Config, Kind, Mechanism, Sources, Tls, TlsPolicy, load, schema, to_toml};

/// Loads `file` as `waxwing.toml`, with the folder's name cut out of errors.
fn load_file(file: &str) -> Result<Config, String> {
    load_all(file, &[], &[])
}

fn load_all(file: &str, environment: &[(&str, &str)], set: &[&str]) -> Result<Config, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("waxwing.toml");
    fs::write(&path, file).unwrap();
    let sources = Sources {
        file: Some(path),
        environment: environment
            .iter()
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect(),
        set: set.iter().map(|set| (*set).into()).collect(),
    };
    let folder = format!("{}/", folder.path().display());
    load(&sources).map_err(|error| error.to_string().replace(&folder, ""))
}

/// Operators' files of the version before go on working, and say what to change.
#[test]
fn renamed_keys_work_under_their_old_names_with_a_warning() {
    let file = "[limits]\nsilence_seconds = 30\nsleeping_sessions = 7\nsleeping_bytes = 100000\n";
    let environment = [("WAXWING_LIMITS__SLEEPING_SESSIONS_PER_ACCOUNT", "3")];
    let config = load_all(file, &environment, &["limits.silence_seconds=40"]).unwrap();
    let limits = config.limits;
    assert_eq!(
        (limits.idle_probe_seconds, limits.hibernated_sessions),
        (40, 7)
    );
    assert_eq!(
        (
            limits.hibernated_bytes,
            limits.hibernated_sessions_per_account
        ),
        (100_000, 3)
    );
    assert_eq!(config.warnings.len(), 5);
    let last = config.warnings.last().unwrap();
    assert_eq!(
        last,
        "--set limits.silence_seconds: `limits.silence_seconds` is now `limits.idle_probe_seconds`; the next version will not know the old name"
    );
    let new = load_file("[limits]\nidle_probe_seconds = 30\n").unwrap();
    assert_eq!((new.limits.idle_probe_seconds, new.warnings.len()), (30, 0));
}

/// Which of two values is meant nobody can know.
#[test]
fn a_key_under_its_old_and_its_new_name_is_a_mistake() {
    let file = "[limits]\nidle_probe_seconds = 30\nsilence_seconds = 30\n";
    assert_eq!(
        load_file(file).unwrap_err(),
        "waxwing.toml line 3: `limits.silence_seconds` is the old name of `limits.idle_probe_seconds`, which is there too; remove the old one"
    );
}

#[test]
fn runs_without_a_file() {
    let config = load(&Sources::default()).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.data_dir, PathBuf::from("data"));
    assert_eq!(config.host[0].domain, "localhost");
    let addresses: Vec<_> = config
        .listen
        .iter()
        .map(|l| l.address.to_string())
        .collect();
    assert_eq!(addresses, ["127.0.0.1:5222", "[::1]:5222"]);
    assert!(
        config
            .listen
            .iter()
            .all(|l| l.kind == Kind::C2s && l.tls == TlsPolicy::Required)
    );
    assert_eq!(config.sasl.mechanisms, Mechanism::DEFAULT);
    assert_eq!(config.storage.url, "sqlite:waxwing.db");
    assert_eq!(config.limits.stanza_bytes, 262_144);
    assert_eq!(config.limits.pre_auth_stanza_bytes, 10_000);
    assert_eq!(config.limits.pre_auth_seconds, 30);
    assert_eq!(config.plugin_dir(), PathBuf::from("data/plugins"));
}

#[test]
fn reads_every_key() {
    let config = load_file(
        r#"
        data_dir = "/var/lib/waxwing"
        [[host]]
        domain = "Example.ORG"
        admins = ["Admin@example.org"]
        [host.plugin.registration.config]
        open = false
        [[host]]
        domain = "bücher.example"
        [host.tls]
        certificate = "bücher.pem"
        private_key = "bücher.key"
        [[listen]]
        kind = "c2s-tls"
        [[listen]]
        kind = "c2s"
        address = "0.0.0.0:0"
        trusted_proxies = ["192.0.2.0/24", "2001:db8::1"]
        tls = "optional"
        [tls]
        certificate = "cert.pem"
        private_key = "key.pem"
        [sasl]
        mechanisms = ["SCRAM-SHA-1", "PLAIN"]
        allow_plain_without_tls = true
        [storage]
        url = "sqlite:other.db"
        [limits]
        stanza_bytes = 20_000
        pre_auth_stanza_bytes = 10_000
        pre_auth_seconds = 5
        [plugins]
        directory = "extensions"
        [plugin.registration]
        enabled = false
        priority = -3
        grants = ["accounts"]
        sha256 = "AB00000000000000000000000000000000000000000000000000000000000000"
        [plugin.registration.config]
        open = true
        rate_limit = { burst = 5 }
        since = 2026-01-02
        "#,
    )
    .unwrap();
    assert_eq!(config.host[0].domain, "example.org");
    assert_eq!(config.host[0].admins, ["admin@example.org"]);
    assert_eq!(config.listen[0].address.to_string(), "127.0.0.1:5223");
    assert_eq!(config.listen[1].tls, TlsPolicy::Optional);
    assert!(config.listen[0].trusted_proxies.is_empty());
    let proxies = &config.listen[1].trusted_proxies;
    assert_eq!(proxies[0].to_string(), "192.0.2.0/24");
    assert!(proxies[1].contains("2001:db8::1".parse().unwrap()));
    assert_eq!(config.host[0].tls, Tls::default());
    assert_eq!(config.host[1].tls.certificate, Some("bücher.pem".into()));
    assert_eq!(
        config.sasl.mechanisms,
        [Mechanism::SCRAM_SHA_1, Mechanism::Plain]
    );
    let plugin = &config.plugin["registration"];
    assert_eq!((plugin.enabled, plugin.priority), (false, -3));
    assert!(plugin.sha256.as_ref().unwrap().starts_with("ab00"));
    let own = config.plugin_config("registration", &config.host[0]);
    assert_eq!(own["open"].as_bool(), Some(false));
    assert_eq!(own["rate_limit"]["burst"].as_integer(), Some(5));
    assert_eq!(own["since"].as_str(), Some("2026-01-02"));
    let other = config.plugin_config("registration", &config.host[1]);
    assert_eq!(other["open"].as_bool(), Some(true));
    assert!(config.plugin_config("absent", &config.host[0]).is_empty());
}

#[test]
fn lays_the_environment_over_the_file_and_the_command_line_over_both() {
    let file = "[limits]\nstanza_bytes = 20000\npre_auth_seconds = 5\n";
    let environment = [
        ("WAXWING_LIMITS__STANZA_BYTES", "30000"),
        ("WAXWING_LIMITS__PRE_AUTH_STANZA_BYTES", "11000"),
        ("WAXWING_PLUGIN__LAST_ACTIVITY__ENABLED", "false"),
        ("WAXWING_HOST__0__DOMAIN", "example.org"),
        ("WAXWING_PORT_5222_TCP", "tcp://10.0.0.1:5222"),
        ("WAXWING_SERVICE_HOST", "10.0.0.1"),
        ("PATH", "/bin"),
    ];
    let set = [
        "limits.stanza_bytes=40000",
        "plugin.registration.config.open=true",
        "plugin.registration.config = {rate_limit = false}",
        "data_dir=/tmp/a b",
        r#"listen=[{kind="c2s",address="127.0.0.1:0",tls="none"}]"#,
        "listen.1.address=127.0.0.1:0",
        "host.0.admins=[\"a@example.org\"]",
    ];
    let config = load_all(file, &environment, &set).unwrap();
    assert_eq!(config.limits.stanza_bytes, 40_000);
    assert_eq!(config.limits.pre_auth_stanza_bytes, 11_000);
    assert_eq!(config.limits.pre_auth_seconds, 5);
    assert!(!config.plugin["last-activity"].enabled);
    assert_eq!(config.host.len(), 1);
    assert_eq!(config.host[0].domain, "example.org");
    assert_eq!(config.host[0].admins, ["a@example.org"]);
    assert_eq!(config.data_dir, PathBuf::from("/tmp/a b"));
    assert_eq!(config.plugin["registration"].config.len(), 2);
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.listen[0].tls, TlsPolicy::None);
    assert_eq!(config.listen[1].tls, TlsPolicy::Required);
}

/// Each bad file and the whole of what is said about it.
const BAD_FILES: &[(&str, &str)] = &[
    (
        "[tls]\n\ncertifcate = \"cert.pem\"\n",
        "unknown key `tls.certifcate` in waxwing.toml line 3; did you mean `certificate`?",
    ),
    (
        "colour = 1\n",
        "unknown key `colour` in waxwing.toml line 1; known are `data_dir`, `host`, `listen`, `tls`, `sasl`, \
         `storage`, `cluster`, `limits`, `plugins`, `plugin`",
    ),
    (
        "[[listen]]\nkind = \"c2s\"\nadress = \"127.0.0.1:1\"\n",
        "unknown key `listen.0.adress` in waxwing.toml line 3; did you mean `address`?",
    ),
    (
        "\n[limit]\nstanza_bytes = 20000\n",
        "unknown key `limit` in waxwing.toml line 2; did you mean `limits`?",
    ),
    (
        "[plugin.ping]\n[plugin.ping.confg]\na = 1\n",
        "unknown key `plugin.ping.confg` in waxwing.toml line 2; did you mean `config`?",
    ),
    (
        "[limits]\nstanza_bytes = \"many\"\n",
        "`limits.stanza_bytes` in waxwing.toml line 2: expected a whole number that is not negative, found the string \"many\"",
    ),
    (
        "[limits]\nstanza_bytes = -1\n",
        "`limits.stanza_bytes` in waxwing.toml line 2: expected a whole number that is not negative, found the number -1",
    ),
    (
        "[limits]\nstanza_bytes = 99999999999999999999\n",
        "waxwing.toml line 2: the number 99999999999999999999 does not fit into 64 bits",
    ),
    (
        "[limits]\nstanza_bytes = 9_999\n",
        "`limits.stanza_bytes` in waxwing.toml line 2: must be from 10000 (RFC 6120, 13.12) to 16777216 bytes",
    ),
    (
        "[plugins]\ncompile_cpu_seconds = 0\n",
        "`plugins.compile_cpu_seconds` in waxwing.toml line 2: must be from 1 to 3600 seconds",
    ),
    (
        "[plugins]\ncompile_wall_seconds = 3601\n",
        "`plugins.compile_wall_seconds` in waxwing.toml line 2: must be from 1 to 3600 seconds",
    ),
    (
        "[plugins]\ncompile_memory_mib = 512\n",
        "`plugins.compile_memory_mib` in waxwing.toml line 2: must be from 1024 to 65536 MiB",
    ),
    (
        "[plugins]\nplugin_memory_mib = 32\n",
        "`plugins.plugin_memory_mib` in waxwing.toml line 2: must be from 64 to 1048576 MiB",
    ),
    (
        "[plugins]\nmemory_mib = 0\n",
        "`plugins.memory_mib` in waxwing.toml line 2: must be from 64 to 1048576 MiB",
    ),
    (
        "[plugins]\nmemory_mib = 128\nplugin_memory_mib = 129\n",
        "`plugins.plugin_memory_mib` in waxwing.toml line 3: must not be more than `plugins.memory_mib`, which holds for all plugins together",
    ),
    (
        "[limits]\npre_auth_seconds = 0\n",
        "`limits.pre_auth_seconds` in waxwing.toml line 2: must be from 1 to 600 seconds",
    ),
    (
        "tls = 1\n",
        "`tls` in waxwing.toml line 1: expected a table, found the number 1",
    ),
    (
        "host = \"a\"\n",
        "`host` in waxwing.toml line 1: expected a list, found the string \"a\"",
    ),
    (
        "host = []\n",
        "`host` in waxwing.toml line 1: no domain to serve; add a [[host]], or remove the key",
    ),
    (
        "[[host]]\ndomain = \"a b\"\n",
        "`host.0.domain` in waxwing.toml line 2: `a b` is not a domain such as example.org",
    ),
    (
        "[[host]]\ndomain = \"a.b\"\n[[host]]\ndomain = \"A.b\"\n",
        "`host.1.domain` in waxwing.toml line 4: this domain is there twice",
    ),
    (
        "[[host]]\nadmins = [\n  \"a@b\",\n  \"localhost\",\n]\n",
        "`host.0.admins.1` in waxwing.toml line 4: `localhost` is not an account such as admin@localhost",
    ),
    (
        "[[listen]]\nkind = \"http\"\n",
        "`listen.0.kind` in waxwing.toml line 2: listener kind \"http\" is not served by this version",
    ),
    (
        "[[listen]]\nkind = \"c2s-tlss\"\n",
        "`listen.0.kind` in waxwing.toml line 2: `c2s-tlss` is not known; did you mean `c2s-tls`?",
    ),
    (
        "[[listen]]\nkind = 5222\n",
        "`listen.0.kind` in waxwing.toml line 2: expected a string, found the number 5222",
    ),
    (
        "[[listen]]\naddress = \"localhost:5222\"\n",
        "`listen.0.address` in waxwing.toml line 2: `localhost:5222` is no address and port such as \
         `127.0.0.1:5222` or `[::]:5222`",
    ),
    (
        "[[listen]]\naddress = \"0.0.0.0:5222\"\ntls = \"none\"\n",
        "`listen.0.tls` in waxwing.toml line 3: \"none\" is refused on 0.0.0.0:5222, since others could read along; \
         use \"required\", or an address of loopback",
    ),
    (
        "[[listen]]\nkind = \"c2s-tls\"\ntls = \"optional\"\n",
        "`listen.0.tls` in waxwing.toml line 3: c2s-tls is encrypted from the first byte; use \"required\", or kind = \"c2s\"",
    ),
    (
        "[[listen]]\n[[listen]]\n",
        "`listen.1.address` in waxwing.toml line 2: another listener has this address",
    ),
    (
        "listen = []\n",
        "`listen` in waxwing.toml line 1: nothing to listen on; add a [[listen]], or remove the key",
    ),
    (
        "[tls]\ncertificate = \"cert.pem\"\n",
        "`tls.certificate` in waxwing.toml line 2: its key is missing; add `private_key`",
    ),
    (
        "[sasl]\nmechanisms = [\"PLAIN\", \"SCRAM-SHA256\"]\n",
        "`sasl.mechanisms.1` in waxwing.toml line 2: `SCRAM-SHA256` is not known; did you mean `SCRAM-SHA-256`?",
    ),
    (
        "[sasl]\nmechanisms = [\"PLAIN\", \"PLAIN\"]\n",
        "`sasl.mechanisms.1` in waxwing.toml line 2: this mechanism is there twice",
    ),
    (
        "[limits]\nidle_probe_seconds = 4\n",
        "`limits.idle_probe_seconds` in waxwing.toml line 2: must be 0, for no limit, or from 5 to 86400 seconds",
    ),
    (
        "[limits]\noutbound_bytes = 1000\n",
        "`limits.outbound_bytes` in waxwing.toml line 2: must be from 65536 to 1073741824 bytes",
    ),
    (
        "[limits]\nrequest_bytes = 1000\n",
        "`limits.request_bytes` in waxwing.toml line 2: must be from 1024 to 16777216 bytes",
    ),
    (
        "[sasl]\nmechanisms = []\n",
        "`sasl.mechanisms` in waxwing.toml line 2: without a mechanism nobody can log in",
    ),
    (
        "[sasl]\nallow_plain_without_tls = \"yes\"\n",
        "`sasl.allow_plain_without_tls` in waxwing.toml line 2: expected a boolean, found the string \"yes\"",
    ),
    (
        "[storage]\nurl = \"postgres://me:secret@db:port/x\"\n",
        "`storage.url` in waxwing.toml line 2: is not of the form \"sqlite:FILE\" or \"postgres://USER:PASSWORD@HOST/DATABASE\"",
    ),
    (
        "[storage]\nurl = \"waxwing.db\"\n",
        "`storage.url` in waxwing.toml line 2: is not of the form \"sqlite:FILE\" or \"postgres://USER:PASSWORD@HOST/DATABASE\"",
    ),
    (
        "\n[cluster]\nnats = \"nats://127.0.0.1:4222\"\n",
        "`cluster` in waxwing.toml line 2: several nodes are not served by this version; remove [cluster]",
    ),
    (
        "[plugin.Ping]\nenabled = true\n",
        "`plugin.Ping` in waxwing.toml line 1: plugins' names are of lower-case letters, digits and hyphens",
    ),
    (
        "[plugin.ping]\nsha256 = \"abc\"\n",
        "`plugin.ping.sha256` in waxwing.toml line 2: must be 64 hexadecimal digits",
    ),
    (
        "[plugin.ping]\npriority = 3000000000\n",
        "`plugin.ping.priority` in waxwing.toml line 2: expected a whole number of 32 bits, found the number 3000000000",
    ),
    (
        "data_dir = \"\"\n",
        "`data_dir` in waxwing.toml line 1: a folder must be named",
    ),
    (
        "[[host]]\n[host.tls]\ncertificate = \"cert.pem\"\n",
        "`host.0.tls.certificate` in waxwing.toml line 3: its key is missing; add `private_key`",
    ),
    (
        "[[listen]]\ntrusted_proxies = [\"10.0.0.0/8\", \"proxy.example\"]\n",
        "`listen.0.trusted_proxies.1` in waxwing.toml line 2: `proxy.example` is no network such as `192.0.2.0/24` or \
         `2001:db8::/32`, and no address",
    ),
    (
        "[[listen]]\ntrusted_proxies = [\"::/0\"]\n",
        "`listen.0.trusted_proxies.0` in waxwing.toml line 2: everybody could claim to have any address; name the networks of \
         the proxies",
    ),
    (
        "[[listen]]\nkind = \"metrics\"\ntrusted_proxies = [\"127.0.0.1\"]\n",
        "`listen.0.trusted_proxies` in waxwing.toml line 3: metrics know of no proxies; remove `trusted_proxies`",
    ),
];

// seeds: H24
#[test]
fn names_key_file_line_and_mend_of_every_mistake() {
    for (file, wanted) in BAD_FILES {
        assert_eq!(load_file(file).unwrap_err(), *wanted, "for {file}");
    }
}

#[test]
fn names_the_line_of_what_is_not_toml() {
    for (file, begin) in [
        ("a = 1\nb = \n", "waxwing.toml line 2: "),
        ("[tls\n", "waxwing.toml line 1: "),
        (
            "data_dir = \"a\"\ndata_dir = \"b\"\n",
            "waxwing.toml line 2: ",
        ),
    ] {
        let error = load_file(file).unwrap_err();
        assert!(error.starts_with(begin) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn names_the_file_that_cannot_be_read() {
    let sources = Sources {
        file: Some("/nowhere/waxwing.toml".into()),
        ..Sources::default()
    };
    assert_eq!(
        load(&sources).unwrap_err().to_string(),
        "cannot read /nowhere/waxwing.toml: No such file or directory (os error 2)"
    );
}

#[test]
fn names_the_argument_of_a_mistake() {
    for (set, wanted) in [
        (
            "sasl.mechanism=[]",
            "unknown key `sasl.mechanism` in --set sasl.mechanism; did you mean `mechanisms`?",
        ),
        (
            "limits.stanza_bytes",
            "--set limits.stanza_bytes has no value; write --set KEY=VALUE",
        ),
        (
            "limits.stanza_bytes=",
            "--set limits.stanza_bytes: no value; an empty string is written \"\"",
        ),
        (
            "limits..a=1",
            "--set limits..a: not a key; write names with dots between, as limits.stanza_bytes",
        ),
        (
            "data_dir=1",
            "`data_dir` in --set data_dir: expected a string, found the number 1",
        ),
        (
            "listen.5.kind=c2s",
            "`listen` in --set listen.5.kind: expected a list, found a table",
        ),
        (
            "data_dir.x=1",
            "--set data_dir.x: `x` is in a value that is no table",
        ),
    ] {
        let error = load_all("data_dir = \"a\"\n", &[], &[set]).unwrap_err();
        assert_eq!(error, wanted, "for {set}");
    }
    let error = load_all("", &[], &["listen=[{kind=\"c2s\""]).unwrap_err();
    assert!(
        error.starts_with("--set listen: `[{kind=\"c2s\"` is not a value in TOML: "),
        "{error}"
    );
}

#[test]
fn names_the_variable_of_a_mistake() {
    for (name, value, wanted) in [
        (
            "WAXWING_SASL__MECHANISM",
            "[]",
            "unknown key `sasl.mechanism` in WAXWING_SASL__MECHANISM; did you mean `mechanisms`?",
        ),
        (
            "WAXWING_LIMITS__PRE_AUTH_SECONDS",
            "soon",
            "`limits.pre_auth_seconds` in WAXWING_LIMITS__PRE_AUTH_SECONDS: expected a whole number that is not \
             negative, found the string \"soon\"",
        ),
        (
            "WAXWING_DATA_DIR",
            "",
            "WAXWING_DATA_DIR: no value; an empty string is written \"\"",
        ),
    ] {
        assert_eq!(load_all("", &[(name, value)], &[]).unwrap_err(), wanted);
    }
}

#[test]
fn prints_what_it_reads() {
    let set = [
        "plugin.ping.config.a.b=1",
        "host.0.plugin.ping.config.a=2",
        "plugin.ping.grants=[]",
        "host.0.tls={certificate=\"a.pem\",private_key=\"a.key\"}",
    ];
    let mut config = load_all("", &[], &set).unwrap();
    config.listen[0].trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
    let printed = to_toml(&config).unwrap();
    let mut again = load_file(&printed).unwrap();
    // Being a default is not written down.
    again.listen[1].if_available = true;
    assert_eq!(again, config, "{printed}");
}

#[test]
fn describes_every_key_in_its_schema() {
    let schema = schema();
    let printed = serde_json::to_value(
        toml::from_str::<toml::Value>(&to_toml(&Config::default()).unwrap()).unwrap(),
    );
    for key in printed.unwrap().as_object().unwrap().keys() {
        assert!(
            schema["properties"][key]["description"].is_string(),
            "{key}"
        );
    }
    assert_eq!(schema["additionalProperties"], false);
    let listener = &schema["$defs"]["ListenerTable"];
    assert!(
        listener["properties"]["address"]["description"].is_string(),
        "{schema:#}"
    );
    for (section, key) in [("ListenerTable", "trusted_proxies"), ("Host", "tls")] {
        let described = &schema["$defs"][section]["properties"][key]["description"];
        assert!(described.is_string(), "{section} {key}: {schema:#}");
    }
}
