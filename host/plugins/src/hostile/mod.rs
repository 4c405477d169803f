//! The matrix of hostile guests, seen from inside: real components in a real engine, one fixture and one test (or more) a
//! row, where what is to be observed is a fault's kind, a time or an amount. The same rows are seen from outside, under load,
//! in `tests/hostile`; docs/guide/hostile-guests.md lists both.

mod again;
mod amounts;
mod busy;
mod floods;
mod time;
mod traps;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;
use wasmtime::component::Linker;
use waxwing_xml::{Element, Limits};
use waxwing_xmpp::content::ContentNamespace;
use waxwing_xmpp::ns;
use waxwing_xmpp::stanza::Stanza;

use crate::accounting::trace::About;
use crate::calls::caller::Caller;
use crate::calls::context::Context;
use crate::calls::invoke::create;
use crate::engine::compile::{CompileCommand, CompileLimits, Compiler};
use crate::engine::configuration::for_compiling;
use crate::engine::limits::MemoryLimits;
use crate::engine::runtime::GuestsRuntime;
use crate::exports::decision::Decision;
use crate::exports::inbound::Filter;
use crate::exports::iq_handler::Handle;
use crate::exports::pre_auth::{Features, record};
use crate::fault::Fault;
use crate::instance::loaded::Loaded;
use crate::instance::plugin::Source;
use crate::instance::state::State;
use crate::instance::store::PooledInstance;
use crate::model::handled::Handled;
use crate::model::interfaces::Level;
use crate::model::plugin_settings::PluginSettings;
use crate::model::pre_auth_stream::PreAuthStream;
use crate::platform::check::NoServer;
use crate::platform::load;
use crate::platform::serving::{put, remove};
use crate::wit::resources::HostStanza;

/// An import that only the tests' server has, for what no function of ours does: panic, and wait until it is told.
pub(crate) const IMPORT: &str = "test-host";

static GO_ON: Notify = Notify::const_new();

/// Links [`IMPORT`].
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(IMPORT)?;
    instance.func_wrap("panics", |_, (): ()| -> wasmtime::Result<()> {
        panic!("on purpose: what a bug in a host function would do")
    })?;
    instance.func_wrap_async("waits", |_, (): ()| {
        Box::new(async {
            GO_ON.notified().await;
            Ok(())
        })
    })
}

/// A platform without a server.
struct Host {
    context: Arc<Context>,
    _guests: GuestsRuntime,
    folder: tempfile::TempDir,
    /// CPU time of a request, where that is not the default.
    request_cpu: Option<Duration>,
}

impl Host {
    fn new() -> Self {
        Self::with_memory(MemoryLimits::default())
    }

    fn with_memory(memory: MemoryLimits) -> Self {
        let guests = GuestsRuntime::start().unwrap();
        let services = NoServer {
            hosts: vec!["localhost".to_owned()],
        };
        Self {
            context: Context::new(Arc::new(services), guests.handle(), memory)
                .unwrap()
                .0,
            _guests: guests,
            folder: tempfile::tempdir().unwrap(),
            request_cpu: None,
        }
    }

    /// Requests have so much CPU time that, however slow the machine, another limit is met first.
    fn patient(mut self) -> Self {
        self.request_cpu = Some(Duration::from_mins(1));
        self
    }

    /// Loads a fixture with all grants, as the platform would.
    async fn try_load(&self, fixture: &str) -> anyhow::Result<Arc<Loaded>> {
        self.try_load_from("hostile", fixture).await
    }

    async fn try_load_from(&self, folder: &str, fixture: &str) -> anyhow::Result<Arc<Loaded>> {
        let file = guests().join(folder).join(format!("{fixture}.wasm"));
        let bytes = std::fs::read(file)
            .unwrap_or_else(|error| panic!("{fixture}: {error}; `cargo xtask guests` makes it"));
        let compiler = self.compiler(fixture, &bytes);
        let mut described = load::describe(&self.context, &compiler, &bytes).await?;
        described.manifest.limits.request_cpu = self.request_cpu;
        let grants = ["inbound", "iq-handler", "pre-auth", "accounts", "limits"];
        let settings = PluginSettings {
            grants: Some(grants.map(str::to_owned).to_vec()),
            ..PluginSettings::default()
        };
        let source = Source::Folder(PathBuf::from(fixture));
        let ready =
            load::prepare(&self.context, described, source, &settings, Arc::default()).await?;
        put(&self.context, vec![Arc::clone(&ready.plugin)]);
        Ok(ready.plugin)
    }

    /// A compiler whose child only copies what was compiled here: the binary that compiles is the server's.
    fn compiler(&self, fixture: &str, bytes: &[u8]) -> Compiler {
        let compiled = self.folder.path().join(fixture);
        let code = for_compiling(self.context.runtime.addresses)
            .unwrap()
            .precompile_component(bytes)
            .unwrap();
        std::fs::write(&compiled, code).unwrap();
        let copy = format!("cp '{}' \"$4\"", compiled.display());
        let child = CompileCommand {
            program: PathBuf::from("/bin/sh"),
            arguments: ["-c", &copy, "sh"].map(Into::into).to_vec(),
            limits: CompileLimits::default(),
        };
        Compiler::open(child, &self.folder.path().join("cache")).unwrap()
    }

    async fn load(&self, fixture: &str) -> Arc<Loaded> {
        self.try_load(fixture).await.unwrap()
    }

    fn caller(&self) -> Caller {
        Caller::new(Arc::clone(&self.context))
    }

    /// A fresh instance, as the first call makes one.
    async fn instance(&self, plugin: &Arc<Loaded>) -> Result<PooledInstance, Fault> {
        create(&self.context, plugin, 0, Level::Hook).await
    }
}

impl Drop for Host {
    /// What is kept for the next calls holds all this, and its engine a large part of the address space.
    fn drop(&mut self) {
        let plugins: Vec<_> = self.context.registry.keep().plugins().cloned().collect();
        for plugin in plugins {
            self.context.shared_instances.clear(plugin.id);
            remove(&self.context, std::slice::from_ref(&plugin.manifest.name));
        }
        self.context.stopping.cancel();
    }
}

/// Where xtask put the fixtures: named by the environment, or beside the tests' own folder.
fn guests() -> PathBuf {
    let beside = || {
        let tests = std::env::current_exe().unwrap();
        tests
            .ancestors()
            .nth(3)
            .unwrap_or(Path::new(""))
            .join("guests")
    };
    std::env::var_os("WAXWING_GUESTS").map_or_else(beside, PathBuf::from)
}

fn stanza(xml: &str) -> HostStanza {
    let element = Element::parse(xml.as_bytes(), ns::CLIENT, &Limits::stanza()).unwrap();
    HostStanza::new(
        Stanza::parse(element, ContentNamespace::Client).unwrap(),
        Arc::from("localhost"),
    )
}

fn request(content: &str) -> HostStanza {
    stanza(&format!(
        "<iq from='juliet@localhost/b' to='localhost' type='get' id='1'><query xmlns='urn:example:x'>{content}</query></iq>"
    ))
}

/// A call about a request, of no importance.
const fn about(request: HostStanza) -> Handle {
    Handle { request, token: 1 }
}

async fn handle(caller: &Caller, plugin: &Arc<Loaded>) -> Result<Handled, Fault> {
    let (reply, _) = caller
        .call(plugin, 0, About::Nobody, about(request("")))
        .await?;
    Ok(reply)
}

async fn filter(caller: &Caller, plugin: &Arc<Loaded>) -> Result<Decision, Fault> {
    let message =
        stanza("<message from='juliet@localhost/b' to='romeo@localhost'><body>hi</body></message>");
    let (decision, _) = caller
        .call(plugin, 0, About::Nobody, Filter(message))
        .await?;
    Ok(decision)
}

async fn features(caller: &Caller, plugin: &Arc<Loaded>) -> Result<Vec<Element>, Fault> {
    let stream = PreAuthStream {
        id: "1".to_owned(),
        host: "localhost".to_owned(),
        tls: None,
        direct_tls: false,
        requests: 0,
        address: [127, 0, 0, 1].into(),
    };
    let on = record(&stream, plugin);
    let (offered, _) = caller.call(plugin, 0, About::Nobody, Features(on)).await?;
    Ok(offered)
}

/// Times of calls are CPU time of this process, since time by the clock passes also while others run. So those tests that
/// look at it run one after the other.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Sees that an action takes no more CPU time than that, all threads together, in the middle of so many runs. Other machines on
/// the same hardware make a run of bad luck possible, not three.
async fn takes_at_most<F: Future<Output = ()>>(
    most: Duration,
    what: &str,
    runs: usize,
    mut action: impl FnMut() -> F,
) {
    let mut medians = Vec::new();
    while medians.len() < 3 {
        let mut times = Vec::with_capacity(runs);
        for _ in 0..runs {
            let before = process_time();
            action().await;
            times.push(process_time().saturating_sub(before));
        }
        times.sort();
        let took = times[runs / 2];
        println!("{what} took {took:?}");
        if took <= most {
            return;
        }
        medians.push(took);
    }
    panic!("{what} took {medians:?}, more than {most:?}");
}

fn process_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap(),
        u32::try_from(time.tv_nsec).unwrap(),
    )
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = status.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages.saturating_mul(u64::try_from(rustix::param::page_size()).unwrap())
}
