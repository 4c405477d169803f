//! How the process begins, is told what to do, and ends.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use rustix::process::Signal;
use waxwing_tests::server::{Settings, run};
use waxwing_tests::tls::Version;
use waxwing_tests::{Login, Server};

#[tokio::test]
async fn sigterm_ends_every_stream_with_system_shutdown() -> Result<()> {
    let mut server = Server::new().await?;
    let (mut juliet, _) = server.session("juliet").await?;
    let mut stranger = server.connect().await?;
    stranger
        .open_secure("localhost", Some(Version::V13))
        .await?;
    server.signal(Signal::TERM)?;
    assert_eq!(juliet.stream_error().await?, "system-shutdown");
    assert_eq!(stranger.stream_error().await?, "system-shutdown");
    assert_eq!(server.wait().await?.code(), Some(0));
    Ok(())
}

#[tokio::test]
async fn sigint_ends_it_as_well() -> Result<()> {
    let mut server = Server::new().await?;
    server.signal(Signal::INT)?;
    assert_eq!(server.wait().await?.code(), Some(0));
    Ok(())
}

/// The second start finds the bundled plugins compiled, the accounts' database made, and its certificate.
#[tokio::test]
async fn starts_at_once_when_its_plugins_are_in_the_compile_cache() -> Result<()> {
    let mut server = Settings::new().cold().start().await?;
    let cache = server.plugins().with_file_name("cache");
    let compiled = || -> Result<BTreeMap<OsString, SystemTime>> {
        let files = std::fs::read_dir(&cache)?;
        let written = files.map(|file| {
            let file = file?;
            Ok((file.file_name(), file.metadata()?.modified()?))
        });
        written.collect()
    };
    let before = compiled()?;
    assert!(before.len() > 3, "the key and what is bundled: {before:?}");
    let mut starts = Vec::new();
    for _ in 0..5 {
        server.kill().await?;
        server.wait().await?;
        let begun = Instant::now();
        server.start_again().await?;
        starts.push(begun.elapsed());
        assert_eq!(compiled()?, before, "nothing is compiled again");
    }
    println!("ready after {starts:?}");
    server.stop().await
}

/// What was delivered to the server before the signal is delivered by it.
#[tokio::test]
async fn what_was_on_the_way_at_shutdown_still_arrives() -> Result<()> {
    let mut server = Server::new().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    for number in 0..100 {
        romeo
            .send(&format!(
                "<message to='{juliet_jid}' type='chat'><body>{number}</body></message>"
            ))
            .await?;
    }
    // The answer to a request behind them says that all were read.
    romeo
        .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
        .await?;
    server.signal(Signal::TERM)?;
    for number in 0..100 {
        assert_eq!(juliet.message().await?.1, number.to_string());
    }
    assert_eq!(juliet.stream_error().await?, "system-shutdown");
    assert_eq!(server.wait().await?.code(), Some(0));
    Ok(())
}

// seeds: H24
#[tokio::test]
async fn an_unknown_key_is_named_with_file_and_line() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("waxwing.toml");
    std::fs::write(
        &file,
        "data_dir = \"data\"\n\n[tls]\ncertifcate = \"cert.pem\"\n",
    )?;
    for command in ["run", "config"] {
        let path = file.display().to_string();
        let arguments: &[&str] = if command == "run" {
            &["run", "--config", &path]
        } else {
            &["config", "check", "--config", &path]
        };
        let printed = run(arguments, "").await?;
        assert_eq!(printed.code, Some(1), "{printed:?}");
        for part in ["certifcate", "waxwing.toml", "4"] {
            assert!(
                printed.stderr.contains(part),
                "{part} is not named: {printed:?}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn wrong_usage_exits_with_2() -> Result<()> {
    for arguments in [
        &["serve"][..],
        &["run", "--no-such-option"],
        &["user", "add"],
        &["plugin", "explode"],
    ] {
        assert_eq!(run(arguments, "").await?.code, Some(2), "{arguments:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_port_in_use_is_one_clear_line() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let folder = tempfile::tempdir()?;
    let printed = run(
        &[
            "run",
            "--set",
            &format!("data_dir={:?}", folder.path().display().to_string()),
            "--set",
            &format!("listen=[{{kind=\"c2s\",address=\"{address}\",tls=\"none\"}}]"),
        ],
        "",
    )
    .await?;
    assert_eq!(printed.code, Some(1), "{printed:?}");
    assert!(
        printed.stderr.contains(&address),
        "the address is named: {printed:?}"
    );
    Ok(())
}

/// Two servers on the same data would each believe to be the only one.
#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() -> Result<()> {
    let server = Server::new().await?;
    let second = server.cli(&["run"]).await?;
    assert_eq!(second.code, Some(1), "{second:?}");
    server.account("juliet").await?;
    server.log_in(&Login::new("juliet")).await?;
    server.stop().await
}

/// The deadline is for the whole negotiation: keeping the connection busy does not move it.
#[tokio::test]
async fn who_does_not_authenticate_in_time_is_disconnected() -> Result<()> {
    let server = Settings::new()
        .config("[limits]\npre_auth_seconds = 2")
        .start()
        .await?;
    let mut client = server.connect().await?;
    client.open("localhost").await?;
    for _ in 0..20 {
        client.send_if_open(b" ").await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let condition = client.stream_error().await?;
    assert!(
        ["connection-timeout", "policy-violation", "not-authorized"].contains(&condition.as_str()),
        "{condition}"
    );
    // One who is logged in is not concerned.
    let (mut juliet, _) = server.session("juliet").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    juliet
        .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
        .await?;
    server.stop().await
}

#[tokio::test]
async fn the_bundled_plugins_are_listed() -> Result<()> {
    let server = Server::new().await?;
    let printed = server.cli(&["plugin", "list", "--json"]).await?;
    assert_eq!(printed.code, Some(0), "{printed:?}");
    let listed: serde_json::Value = serde_json::from_str(&printed.stdout)?;
    let text = listed.to_string();
    for name in ["registration", "disco", "ping"] {
        assert!(
            text.contains(&format!("\"{name}\"")),
            "{name} is not listed: {text}"
        );
    }
    server.stop().await
}

/// Self-signed out of the box: no certificate is configured, and TLS works.
#[tokio::test]
async fn a_certificate_is_made_when_none_is_given() -> Result<()> {
    let server = Server::new().await?;
    let config = std::fs::read_to_string(server.config_file())?;
    let (before, rest) = config
        .split_once("[tls]")
        .expect("the harness configures a certificate");
    let rest = rest
        .split_once("[plugin")
        .map(|(_, rest)| format!("[plugin{rest}"))
        .unwrap_or_default();
    std::fs::write(server.config_file(), format!("{before}{rest}"))?;
    let mut server = server;
    server.kill().await?;
    server.start_again().await?;
    let (client, _) = server.session("juliet").await?;
    client.close().await?;
    server.stop().await
}

/// A socket's address takes some 100 bytes, a path many more: a server in a deep folder did not start.
#[tokio::test]
async fn a_data_folder_with_a_long_path_is_served_and_administered() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let deep = folder.path().join("deep/".repeat(30)).join("d".repeat(120));
    let server = Settings::new().data(&deep).start().await?;
    let socket = deep.join("admin.sock");
    assert!(socket.as_os_str().len() > 250 && socket.exists());
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&socket)?.permissions());
    assert_eq!(mode & 0o777, 0o600);
    let (client, _) = server.session("juliet").await?;
    client.close().await?;
    let listed = server.cli(&["plugin", "list"]).await?;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    server.stop().await?;
    assert!(!socket.exists(), "the socket stays behind");
    Ok(())
}

/// The reason was said twice: by the error, and by its cause.
#[tokio::test]
async fn a_data_folder_that_cannot_be_used_is_one_reason_said_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file");
    std::fs::write(&file, "")?;
    let data = format!("data_dir={:?}", file.join("data").display().to_string());
    for command in [&["run"][..], &["user", "list"]] {
        let printed = run(&[command, &["--set", &data]].concat(), "").await?;
        assert_eq!(printed.code, Some(1), "{printed:?}");
        assert_eq!(printed.stderr.matches("os error").count(), 1, "{printed:?}");
        assert_eq!(printed.stderr.lines().count(), 1, "{printed:?}");
    }
    Ok(())
}

/// The account got the first line alone as its password, which was weaker than meant.
#[tokio::test]
async fn a_password_of_two_lines_is_refused() -> Result<()> {
    let server = Server::new().await?;
    let config = server.config_file().display().to_string();
    let add = [
        "user",
        "add",
        "juliet@localhost",
        "--password-stdin",
        "--config",
        &config,
    ];
    let printed = run(&add, "ab\ncd").await?;
    assert_eq!(printed.code, Some(1), "{printed:?}");
    assert!(printed.stderr.contains("more than one line"), "{printed:?}");
    let listed = server.cli(&["user", "list"]).await?;
    assert!(!listed.stdout.contains("juliet"), "{listed:?}");
    server.stop().await
}
