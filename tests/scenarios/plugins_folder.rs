//! What may lie in the plugins folder besides a copied file, and what may become of the folder itself.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;
use waxwing_tests::server::{Settings, run, wait_until};
use waxwing_tests::{Login, Server, environment};

const COUNTER: &str = "[plugin.counter]\ngrants = [\"iq-handler\"]";

/// Versions of the fixture `counter`, with their files.
const ONE: (&str, &str) = ("fixtures/counter.wasm", "0.1.0");
const TWO: (&str, &str) = ("fixtures/counter-2.wasm", "2.0.0");

async fn server() -> Result<Server> {
    Settings::new().config(COUNTER).start().await
}

/// Puts a component at a path, in one piece.
fn put(component: &str, path: &Path) -> Result<()> {
    let partial = path.with_extension("partial");
    fs::copy(environment::guest(component)?, &partial)?;
    Ok(fs::rename(partial, path)?)
}

/// Has a link lead elsewhere, in one step.
fn relink(target: impl AsRef<Path>, link: &Path) -> Result<()> {
    let partial = link.with_extension("partial");
    symlink(target, &partial)?;
    Ok(fs::rename(partial, link)?)
}

fn make_pipe(path: &Path) -> Result<()> {
    let made = Command::new("mkfifo").arg(path).status()?;
    ensure!(made.success(), "mkfifo {}", path.display());
    Ok(())
}

/// Waits until a version of the counter serves.
async fn serves(server: &Server, version: &str) -> Result<()> {
    let serving = format!("serving plugin=\"counter\" version=\"{version}\"");
    server.wait_for_log(&serving).await
}

/// As Kubernetes replaces what it mounts of a `ConfigMap` or a `Secret`: the file is a link through a second one, and
/// that alone is changed.
#[tokio::test]
async fn a_plugin_behind_two_links_is_replaced_when_the_hidden_one_changes() -> Result<()> {
    let server = server().await?;
    let folder = server.plugins();
    for (directory, (component, _)) in [("..2026_1", ONE), ("..2026_2", TWO)] {
        fs::create_dir(folder.join(directory))?;
        put(component, &folder.join(directory).join("counter.wasm"))?;
    }
    symlink("..2026_1", folder.join("..data"))?;
    symlink("..data/counter.wasm", folder.join("counter.wasm"))?;
    serves(&server, ONE.1).await?;
    symlink("..2026_2", folder.join("..data_tmp"))?;
    fs::rename(folder.join("..data_tmp"), folder.join("..data"))?;
    fs::remove_dir_all(folder.join("..2026_1"))?;
    serves(&server, TWO.1).await?;
    server.stop().await
}

/// Nothing happens in the plugins folder: the system reports nothing, as it does for none of the changes on NFS.
#[tokio::test]
async fn a_plugin_behind_a_link_is_replaced_where_it_lies() -> Result<()> {
    let server = server().await?;
    let elsewhere = tempfile::tempdir()?;
    let file = elsewhere.path().join("built.wasm");
    put(ONE.0, &file)?;
    symlink(&file, server.plugins().join("counter.wasm"))?;
    serves(&server, ONE.1).await?;
    put(TWO.0, &file)?;
    serves(&server, TWO.1).await?;
    // Where the link leads to nothing, what serves goes on until the link is gone as well.
    fs::remove_file(&file)?;
    server
        .wait_for_log("not loaded, version 2.0.0 goes on")
        .await?;
    fs::remove_file(server.plugins().join("counter.wasm"))?;
    server.wait_for_log("unloaded plugin=\"counter\"").await?;
    server.stop().await
}

/// As `rsync --delete` and other means of deployment make it anew.
#[tokio::test]
async fn a_plugins_folder_that_is_made_anew_is_watched() -> Result<()> {
    let server = server().await?;
    let folder = server.plugins();
    put(ONE.0, &folder.join("counter.wasm"))?;
    serves(&server, ONE.1).await?;
    fs::remove_dir_all(&folder)?;
    server.wait_for_log("unloaded plugin=\"counter\"").await?;
    fs::create_dir(&folder)?;
    put(TWO.0, &folder.join("counter.wasm"))?;
    serves(&server, TWO.1).await?;
    // And that is no last look.
    fs::remove_file(folder.join("counter.wasm"))?;
    let unloaded = || server.log().matches("unloaded plugin=\"counter\"").count();
    wait_until(|| unloaded() == 2).await?;
    server.stop().await
}

/// Each release has a folder of its own, and `plugins` leads to the one that holds.
#[tokio::test]
async fn a_plugins_folder_that_is_a_link_is_followed_to_the_next_release() -> Result<()> {
    let server = server().await?;
    let folder = server.plugins();
    let releases = tempfile::tempdir()?;
    for (release, (component, _)) in [("one", ONE), ("two", TWO)] {
        let release = releases.path().join(release);
        fs::create_dir(&release)?;
        put(component, &release.join("counter.wasm"))?;
    }
    fs::remove_dir_all(&folder)?;
    symlink(releases.path().join("one"), &folder)?;
    serves(&server, ONE.1).await?;
    relink(releases.path().join("two"), &folder)?;
    serves(&server, TWO.1).await?;
    server.stop().await
}

/// What is no plain file of a component's size, by the plugin that it would be, and what is said of it.
const RUBBISH: [(&str, &str); 5] = [
    ("pipe", "a named pipe"),
    ("endless", "a device"),
    ("folder", "a directory"),
    ("socket", "a socket"),
    ("large", "larger than 64 MiB"),
];

fn litter(folder: &Path) -> Result<UnixListener> {
    let path = |name: &str| folder.join(format!("{name}.wasm"));
    make_pipe(&path("pipe"))?;
    symlink("/dev/zero", path("endless"))?;
    fs::create_dir(path("folder"))?;
    let large = fs::File::create(path("large"))?;
    large.set_len(1 << 40)?;
    Ok(UnixListener::bind(path("socket"))?)
}

async fn ensure_rubbish_is_listed(server: &Server) -> Result<()> {
    let printed = server.cli(&["plugin", "list", "--json"]).await?;
    let list: Vec<Value> = serde_json::from_str(&printed.stdout)?;
    for (name, what) in RUBBISH {
        let listed = list.iter().find(|plugin| plugin["name"] == name);
        let listed = listed.with_context(|| format!("{name} is not listed: {list:?}"))?;
        let error = listed["error"].as_str().unwrap_or_default();
        ensure!(error.contains(what), "{name}: {error}");
    }
    Ok(())
}

/// A read of any of them would not end, and everything that waits for its turn behind it would not either.
#[tokio::test]
async fn pipes_devices_and_giants_in_the_plugins_folder_stop_nothing() -> Result<()> {
    let mut server = server().await?;
    let folder = server.plugins();
    let _socket = litter(&folder)?;
    for (name, what) in RUBBISH {
        let printed = server.cli(&["plugin", "reload", name]).await?;
        ensure!(
            printed.code == Some(1) && printed.stderr.contains(what),
            "{name}: {printed:?}"
        );
    }
    ensure_rubbish_is_listed(&server).await?;
    put(ONE.0, &folder.join("counter.wasm"))?;
    serves(&server, ONE.1).await?;
    server.end().await?;
    // They are there at a start, too.
    server.start_again().await?;
    serves(&server, ONE.1).await?;
    ensure_rubbish_is_listed(&server).await?;
    server.stop().await
}

#[tokio::test]
async fn a_component_to_check_or_to_install_is_a_plain_file() -> Result<()> {
    let server = server().await?;
    let folder = tempfile::tempdir()?;
    let _socket = litter(folder.path())?;
    for (name, what) in RUBBISH {
        let file = folder.path().join(format!("{name}.wasm"));
        let file = file.display().to_string();
        for command in ["check", "install"] {
            let printed = server.cli(&["plugin", command, &file]).await?;
            ensure!(
                printed.code == Some(1) && printed.stderr.contains(what),
                "{command} {name}: {printed:?}"
            );
        }
    }
    server.stop().await
}

/// Without this the server waits for a writer: at a start before `ready`, at SIGHUP for good.
#[tokio::test]
async fn a_configuration_and_a_certificate_are_plain_files() -> Result<()> {
    let mut server = server().await?;
    server.account("juliet").await?;
    let pipe = server.config_file().with_file_name("pipe");
    make_pipe(&pipe)?;
    let printed = run(&["run", "--config", &pipe.display().to_string()], "").await?;
    ensure!(
        printed.code == Some(1) && printed.stderr.contains("a named pipe"),
        "{printed:?}"
    );
    for file in [server.certificate(), server.config_file()] {
        let aside = file.with_extension("aside");
        fs::rename(&file, &aside)?;
        fs::rename(&pipe, &file)?;
        server.signal(Signal::HUP)?;
        let refused = format!("{}: it is a named pipe", file.display());
        server.wait_for_log(&refused).await?;
        fs::rename(&file, &pipe)?;
        fs::rename(&aside, &file)?;
        // It serves as before.
        server.log_in(&Login::new("juliet")).await?;
    }
    server.end().await?;
    fs::remove_file(server.certificate())?;
    fs::rename(&pipe, server.certificate())?;
    let error = server.start_again().await.expect_err("no certificate");
    ensure!(
        format!("{error:#}").contains("it is a named pipe"),
        "{error:#}"
    );
    Ok(())
}
