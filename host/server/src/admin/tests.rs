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

use super::{
    AccountCommand, AdminClient, AdminHandler, Failure, Lookup, NewUser, PluginCommand, Reply,
    Request, Trace, claim, serve,
};
use crate::{
    accounts::{Accounts, password_hashing::HashPool},
    config::Config,
    delivery::spool_queue::SpoolQueue,
    roster::RosterService,
    router::Router,
};

/// A server that has nothing but accounts, and notes whose sessions it was told to end.
struct Handler {
    rosters: RosterService,
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
    async fn account(&self, command: AccountCommand) -> Result<Reply, Failure> {
        let outcome = super::user::execute(&self.rosters, &self.domains, command).await?;
        let ended = outcome.ended.iter().map(ToString::to_string);
        self.ended.lock().extend(ended);
        Ok(outcome.reply)
    }

    async fn look_up(&self, _: Lookup) -> Result<Option<String>, Failure> {
        Ok(None)
    }

    fn plugins(&self) -> Vec<Value> {
        vec![json!({ "name": "ping" })]
    }

    async fn plugin_stats(&self, name: Option<&str>) -> Result<Value, Failure> {
        Ok(json!([{ "name": name, "calls": 3 }]))
    }

    /// Calls without end.
    fn trace_plugin(&self, trace: &Trace) -> Result<BoxStream<'static, Value>, Failure> {
        let watching = Watching::begin(&self.watching);
        let name = trace.name.clone();
        let calls = futures_util::stream::unfold((0_u64, watching), move |(number, watching)| {
            let call = json!({ "plugin": name, "number": number });
            async move { Some((call, (number.wrapping_add(1), watching))) }
        });
        Ok(Box::pin(calls))
    }

    async fn reload_plugin(&self, name: &str) -> Result<(), Failure> {
        if name == "ping" {
            Ok(())
        } else {
            Err(Failure::Plugin(format!("no plugin `{name}`")))
        }
    }

    async fn enable_plugin(&self, name: &str) -> Result<Vec<String>, Failure> {
        self.reload_plugin(name).await?;
        Ok(vec![name.to_owned()])
    }

    async fn disable_plugin(&self, name: &str) -> Result<Vec<String>, Failure> {
        self.reload_plugin(name).await?;
        Ok(Vec::new())
    }

    fn grant_plugin(&self, _: &str, _: &str, _: Vec<String>) -> Result<(), Failure> {
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
                let router = Arc::new(Router::new(
                    ["localhost".to_owned()],
                    &config.limits,
                    SpoolQueue::new().0,
                ));
                let handler = Arc::new(Handler {
                    rosters: RosterService::new(accounts, router, &config.limits),
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

/// What a command replies, or complains of.
fn call(config: &Config, request: Request) -> Result<Reply, String> {
    let mut client = AdminClient::open(config).map_err(|error| error.to_string())?;
    client.call(request).map_err(|error| error.to_string())
}

fn account(config: &Config, command: AccountCommand) -> Result<Reply, String> {
    call(config, Request::Account(command))
}

fn listed(config: &Config) -> Vec<super::User> {
    match account(config, AccountCommand::List) {
        Ok(Reply::Accounts(users)) => users,
        other => panic!("{other:?}"),
    }
}

/// The part that is alike with and without a server.
fn exercise_users(config: &Config) {
    let jid = || "Alice@localhost".to_owned();
    let add = |address: &str| AccountCommand::Add(user(address));
    assert_eq!(account(config, add(&jid())), Ok(Reply::Done));
    for (command, wanted) in [
        (
            add("alice@localhost"),
            "alice@localhost: the account exists already",
        ),
        (
            add("localhost"),
            "`localhost` is not an account such as alice@localhost",
        ),
        (
            add("alice@elsewhere"),
            "alice@elsewhere: the domain is not served here; these are: localhost",
        ),
        (
            AccountCommand::SetPassword(user("bob@localhost")),
            "bob@localhost: there is no such account",
        ),
    ] {
        assert_eq!(account(config, command), Err(wanted.to_owned()));
    }
    let passwd = AccountCommand::SetPassword(user("alice@localhost"));
    assert_eq!(account(config, passwd), Ok(Reply::Done));
    let disable = AccountCommand::Disable { jid: jid() };
    assert_eq!(account(config, disable), Ok(Reply::Done));
    let list = listed(config);
    assert_eq!(list[0].jid, "alice@localhost");
    assert!(list[0].disabled);
    let enable = AccountCommand::Enable { jid: jid() };
    assert_eq!(account(config, enable), Ok(Reply::Done));
    let users = vec![
        user("bob@localhost"),
        user("alice@localhost"),
        user("carol@localhost"),
    ];
    let Ok(Reply::Imported(imported)) = account(config, AccountCommand::Import { users }) else {
        panic!("no reply to the import")
    };
    let reasons: Vec<_> = imported
        .iter()
        .map(|failure| failure.as_ref().map(ToString::to_string))
        .collect();
    let taken = "alice@localhost: the account exists already".to_owned();
    assert_eq!(reasons, [None, Some(taken), None]);
    let remove = AccountCommand::Remove { jid: jid() };
    assert_eq!(account(config, remove), Ok(Reply::Done));
    assert_eq!(listed(config).len(), 2);
}

fn plugin_list(config: &Config) -> Result<Reply, String> {
    call(config, Request::Plugin(PluginCommand::List))
}

#[test]
fn administers_a_stopped_server() {
    let folder = TempDir::new().unwrap();
    let config = config(folder.path());
    exercise_users(&config);
    let wanted = Err("no server is running; start it with `waxwing run`".to_owned());
    assert_eq!(plugin_list(&config), wanted);
    let mode = fs::metadata(&config.data_dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

/// The address of a socket takes fewer bytes than a path may have.
#[test]
fn administers_a_server_whose_folder_has_a_long_path() {
    let folder = TempDir::new().unwrap();
    let deep = folder.path().join("d".repeat(100)).join("e".repeat(100));
    let config = config(&deep);
    let wanted = Err("no server is running; start it with `waxwing run`".to_owned());
    assert_eq!(plugin_list(&config), wanted);
    let server = Server::start(&config);
    let add = AccountCommand::Add(user("alice@localhost"));
    assert_eq!(account(&config, add), Ok(Reply::Done));
    let socket = config.data_dir.join("admin.sock");
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(server);
    assert!(!socket.exists());
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
        plugin_list(&config),
        Ok(Reply::Plugins(vec![json!({ "name": "ping" })]))
    );
    let reload = |name: &str| {
        let name = name.to_owned();
        call(&config, Request::Plugin(PluginCommand::Reload { name }))
    };
    assert_eq!(reload("ping"), Ok(Reply::Done));
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
    assert_eq!(account(&config, AccountCommand::List), Err(wanted));
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
        account(&config, AccountCommand::List),
        Ok(Reply::Accounts(Vec::new())),
        "the socket leads nowhere"
    );
    let _server = Server::start(&config);
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(plugin_list(&config).is_ok());
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
    let command = r#"{"version":2,"request":{"group":"account","command":"list"}}"#;
    let malformed = r#"{"version":2,"result":{"Err":{"failure":"malformed","of":""#;
    for (bytes, begin) in [
        (&b"\n"[..], malformed),
        (b"\xff\xfe\0\n", malformed),
        (
            b"{\"version\":2,\"request\":{\"group\":\"account\",\"command\":\"dance\"}}\n",
            malformed,
        ),
        (
            b"{\"version\":1,\"request\":null}\n",
            r#"{"version":2,"result":{"Err":{"failure":"version","of":{"server":2,"client":1}}}}"#,
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
    assert!(answer_to(&config, deep.as_bytes()).contains("malformed"));
    let endless = vec![b'a'; 3 * 1024 * 1024];
    let answer = answer_to(&config, &endless);
    assert!(
        answer.is_empty() || answer.contains(r#""too-long","of":1048576"#),
        "{answer}"
    );
    let silent: Vec<_> = (0..40)
        .map(|_| UnixStream::connect(config.data_dir.join("admin.sock")).unwrap())
        .collect();
    drop(silent);
    assert_eq!(
        account(&config, AccountCommand::List),
        Ok(Reply::Accounts(Vec::new()))
    );
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
    let trace = || Trace {
        name: "ping".to_owned(),
        full: false,
    };
    let mut seen = Vec::new();
    let mut client = AdminClient::open(&config).unwrap();
    let end = client.follow(trace(), |call| {
        assert!(server.handler.watching.load(Ordering::SeqCst) > 0);
        seen.push(call["number"].as_u64());
        Ok(seen.len() < 100)
    });
    end.unwrap();
    assert_eq!(seen, (0..100).map(Some).collect::<Vec<_>>());
    drop(client);
    until_watched_by(&server, 0);

    // As many as may be, and one more.
    let links: Vec<AdminClient> = (0..serve::TRACES)
        .map(|_| {
            let mut client = AdminClient::open(&config).unwrap();
            client.follow(trace(), |_| Ok(false)).unwrap();
            client
        })
        .collect();
    let refused = AdminClient::open(&config)
        .unwrap()
        .follow(trace(), |_| Ok(true));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("8 traces"), "{refused}");
    let stats = Request::Plugin(PluginCommand::Stats { name: None });
    let Ok(Reply::Stats(stats)) = call(&config, stats) else {
        panic!("no stats")
    };
    assert_eq!(stats[0]["calls"], 3);
    drop(links);
    until_watched_by(&server, 0);
}
