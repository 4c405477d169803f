//! Commands through the socket of a server and on the database of a stopped one.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use waxwing_xmpp::jid::BareJid;

use super::{AdminClient, AdminHandler, NewUser, Request, claim, serve};
use crate::{
    accounts::{Accounts, password_hashing::HashPool},
    config::Config,
    roster::RosterService,
    router::Router,
};

/// A server that has nothing but accounts, and notes whose sessions it was told to end.
struct Handler {
    contacts: RosterService,
    domains: Vec<String>,
    ended: Mutex<Vec<String>>,
    /// Traces under way.
    watching: Arc<AtomicUsize>,
}

/// A trace under way.
struct Watching(Arc<AtomicUsize>);

impl Watching {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl AdminHandler for Handler {
    fn rosters(&self) -> &RosterService {
        &self.contacts
    }

    fn domains(&self) -> &[String] {
        &self.domains
    }

    async fn end_sessions(&self, account: &BareJid) {
        self.ended.lock().push(account.to_string());
    }

    async fn user_behind(&self, account: &BareJid) -> Result<Option<String>, String> {
        Ok(account.node().map(|name| format!("site-{name}")))
    }

    async fn user_of_site(&self, _: &str, _: &str) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn plugins(&self) -> Vec<Value> {
        vec![json!({ "name": "ping" })]
    }

    async fn plugin_stats(&self, name: Option<&str>) -> Result<Value, String> {
        Ok(json!([{ "name": name, "calls": 3 }]))
    }

    /// Calls without end.
    fn trace_plugin(&self, name: &str, _: bool) -> Result<BoxStream<'static, Value>, String> {
        let watching = Watching::begin(&self.watching);
        let name = name.to_owned();
        let calls = futures_util::stream::unfold((0_u64, watching), move |(number, watching)| {
            let call = json!({ "plugin": name, "number": number });
            async move { Some((call, (number.wrapping_add(1), watching))) }
        });
        Ok(Box::pin(calls))
    }

    async fn reload_plugin(&self, name: &str) -> Result<(), String> {
        if name == "ping" {
            Ok(())
        } else {
            Err(format!("no plugin `{name}`"))
        }
    }

    async fn enable_plugin(&self, name: &str) -> Result<Vec<String>, String> {
        self.reload_plugin(name).await?;
        Ok(vec![name.to_owned()])
    }

    async fn disable_plugin(&self, name: &str) -> Result<Vec<String>, String> {
        self.reload_plugin(name).await?;
        Ok(Vec::new())
    }

    fn grant_plugin(&self, _: &str, _: &str, _: Vec<String>) -> Result<(), String> {
        Ok(())
    }
}

struct Server {
    handler: Arc<Handler>,
    stopping: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(config: &Config) -> Self {
        let stopping = CancellationToken::new();
        let (ready, started) = mpsc::channel();
        let (config, stop) = (config.clone(), stopping.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let _claim = claim(&config.data_dir).unwrap();
                let storage = waxwing_storage::open(&config.storage.url, &config.data_dir);
                let storage = storage.await.unwrap();
                let accounts = Accounts::new(Arc::clone(&storage), HashPool::start(1).unwrap());
                let router = Arc::new(Router::new(["localhost".to_owned()], &config.limits));
                let handler = Arc::new(Handler {
                    contacts: RosterService::new(accounts, router, &config.limits),
                    domains: vec!["localhost".to_owned()],
                    ended: Mutex::default(),
                    watching: Arc::default(),
                });
                let listener = super::bind(&config.data_dir).unwrap();
                ready.send(Arc::clone(&handler)).unwrap();
                serve(listener, handler, stop).await;
                storage.close().await;
            });
        });
        Self {
            handler: started.recv().unwrap(),
            stopping,
            thread: Some(thread),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.cancel();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn config(folder: &Path) -> Config {
    Config {
        data_dir: folder.join("data"),
        ..Config::default()
    }
}

fn user(jid: &str) -> NewUser {
    NewUser {
        jid: jid.to_owned(),
        password: "secret".to_owned(),
    }
}

/// What a command answers, or complains of.
fn call(config: &Config, request: &Request) -> Result<Value, String> {
    let mut link = AdminClient::open(config).map_err(|error| error.to_string())?;
    link.call(request).map_err(|error| error.to_string())
}

/// The part that is alike with and without a server.
fn exercise_users(config: &Config) {
    let jid = || "Alice@localhost".to_owned();
    assert_eq!(
        call(config, &Request::UserAdd(user(&jid()))),
        Ok(Value::Null)
    );
    for (request, wanted) in [
        (
            Request::UserAdd(user("alice@localhost")),
            "alice@localhost: the account exists already",
        ),
        (
            Request::UserAdd(user("localhost")),
            "`localhost` is not an account such as alice@localhost",
        ),
        (
            Request::UserAdd(user("alice@elsewhere")),
            "alice@elsewhere: the domain is not served here; these are: localhost",
        ),
        (
            Request::UserPasswd(user("bob@localhost")),
            "bob@localhost: there is no such account",
        ),
    ] {
        assert_eq!(call(config, &request), Err(wanted.to_owned()));
    }
    assert_eq!(
        call(config, &Request::UserPasswd(user("alice@localhost"))),
        Ok(Value::Null)
    );
    assert_eq!(
        call(config, &Request::UserDisable { jid: jid() }),
        Ok(Value::Null)
    );
    let list = call(config, &Request::UserList {}).unwrap();
    assert_eq!(list[0]["jid"], "alice@localhost");
    assert_eq!(list[0]["disabled"], true);
    assert_eq!(
        call(config, &Request::UserEnable { jid: jid() }),
        Ok(Value::Null)
    );
    let users = vec![
        user("bob@localhost"),
        user("alice@localhost"),
        user("carol@localhost"),
    ];
    let wanted = json!([null, "alice@localhost: the account exists already", null]);
    assert_eq!(call(config, &Request::UserImport { users }), Ok(wanted));
    assert_eq!(
        call(config, &Request::UserRemove { jid: jid() }),
        Ok(Value::Null)
    );
    let list = call(config, &Request::UserList {}).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 2);
}

#[test]
fn administers_a_stopped_server() {
    let folder = TempDir::new().unwrap();
    let config = config(folder.path());
    exercise_users(&config);
    let wanted = Err("no server is running; start it with `waxwing run`".to_owned());
    assert_eq!(call(&config, &Request::PluginList {}), wanted);
    let mode = fs::metadata(&config.data_dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn administers_a_running_server_and_ends_sessions() {
    let folder = TempDir::new().unwrap();
    let config = config(folder.path());
    let server = Server::start(&config);
    exercise_users(&config);
    assert_eq!(
        *server.handler.ended.lock(),
        ["alice@localhost", "alice@localhost"]
    );
    assert_eq!(
        call(&config, &Request::PluginList {}),
        Ok(json!([{ "name": "ping" }]))
    );
    let reload = |name: &str| {
        call(
            &config,
            &Request::PluginReload {
                name: name.to_owned(),
            },
        )
    };
    assert_eq!(reload("ping"), Ok(Value::Null));
    assert_eq!(reload("pong"), Err("no plugin `pong`".to_owned()));
    drop(server);
    assert!(!config.data_dir.join("admin.sock").exists());
}

#[test]
fn lets_one_process_have_a_data_folder() {
    let folder = TempDir::new().unwrap();
    let config = config(folder.path());
    let held = claim(&config.data_dir).unwrap();
    let name = config.data_dir.display();
    let wanted = format!("the data folder {name} is in use by another waxwing");
    assert_eq!(claim(&config.data_dir).unwrap_err().to_string(), wanted);
    let wanted = format!("a server is starting or stopping in the data folder {name}; try again");
    assert_eq!(call(&config, &Request::UserList {}), Err(wanted));
    drop(held);
    claim(&config.data_dir).unwrap();
}

#[test]
fn takes_over_the_socket_of_a_server_that_died() {
    let folder = TempDir::new().unwrap();
    let config = config(folder.path());
    fs::create_dir_all(&config.data_dir).unwrap();
    let socket = config.data_dir.join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert_eq!(
        call(&config, &Request::UserList {}),
        Ok(json!([])),
        "the socket leads nowhere"
    );
    let _server = Server::start(&config);
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(call(&config, &Request::PluginList {}).is_ok());
}

/// The server's answer to some bytes; empty if it closed the connection.
fn answer_to(config: &Config, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(config.data_dir.join("admin.sock")).unwrap();
    // The server may close before it has read everything.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut line = String::new();
    let _ = BufReader::new(stream).read_line(&mut line);
    line
}

#[test]
fn survives_hostile_input() {
    let folder = TempDir::new().unwrap();
    let config = config(folder.path());
    let _server = Server::start(&config);
    let command = r#"{"version":1,"request":{"command":"user-list"}}"#;
    for (bytes, begin) in [
        (&b"\n"[..], r#"{"version":1,"error":"not a request: "#),
        (b"\xff\xfe\0\n", r#"{"version":1,"error":"not a request: "#),
        (
            b"{\"version\":1,\"request\":{\"command\":\"dance\"}}\n",
            r#"{"version":1,"error":"not a request: "#,
        ),
        (
            b"{\"version\":2,\"request\":null}\n",
            r#"{"version":1,"error":"the server speaks version 1 of the administration protocol, not 2; "#,
        ),
        (command.as_bytes(), ""),
        (b"", ""),
    ] {
        let answer = answer_to(&config, bytes);
        assert!(
            answer.starts_with(begin) && answer.is_empty() == begin.is_empty(),
            "{answer}"
        );
    }
    let deep = format!("{}\n", "[".repeat(100_000));
    assert!(answer_to(&config, deep.as_bytes()).contains("not a request"));
    let endless = vec![b'a'; 3 * 1024 * 1024];
    let answer = answer_to(&config, &endless);
    assert!(
        answer.is_empty() || answer.contains("longer than 1048576 bytes"),
        "{answer}"
    );
    let silent: Vec<_> = (0..40)
        .map(|_| UnixStream::connect(config.data_dir.join("admin.sock")).unwrap())
        .collect();
    drop(silent);
    assert_eq!(call(&config, &Request::UserList {}), Ok(json!([])));
}

/// Waits until so many traces are under way.
fn until_watched_by(server: &Server, number: usize) {
    let begun = std::time::Instant::now();
    while server.handler.watching.load(Ordering::SeqCst) != number {
        assert!(begun.elapsed() < std::time::Duration::from_secs(30));
        std::thread::yield_now();
    }
}

#[test]
fn a_trace_ends_when_the_client_goes_away_and_others_are_served_meanwhile() {
    let folder = TempDir::new().unwrap();
    let config = config(folder.path());
    let server = Server::start(&config);
    let trace = Request::PluginTrace {
        name: "ping".to_owned(),
        full: false,
    };
    let mut seen = Vec::new();
    let mut link = AdminClient::open(&config).unwrap();
    let end = link.follow(&trace, |call| {
        assert!(server.handler.watching.load(Ordering::SeqCst) > 0);
        seen.push(call["number"].as_u64());
        Ok(seen.len() < 100)
    });
    end.unwrap();
    assert_eq!(seen, (0..100).map(Some).collect::<Vec<_>>());
    drop(link);
    until_watched_by(&server, 0);

    // As many as may be, and one more.
    let links: Vec<AdminClient> = (0..serve::TRACES)
        .map(|_| {
            let mut link = AdminClient::open(&config).unwrap();
            link.follow(&trace, |_| Ok(false)).unwrap();
            link
        })
        .collect();
    let refused = AdminClient::open(&config)
        .unwrap()
        .follow(&trace, |_| Ok(true));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("8 traces"), "{refused}");
    let stats = Request::PluginStats { name: None };
    assert_eq!(call(&config, &stats).unwrap()[0]["calls"], 3);
    drop(links);
    until_watched_by(&server, 0);
}
