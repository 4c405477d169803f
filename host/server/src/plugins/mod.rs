//! The port to the plugin platform: what it needs of the server (`services`), and the server's configuration in its terms.

mod http_client;
mod services;
mod settings;

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use waxwing_plugins::{
    BundledPlugin, CompileCommand, CompileLimits, MemoryLimits, Platform, PlatformSettings,
};

use self::{http_client::HttpClient, services::ServerServices};
use crate::{config::Config, context::ServerContext};

pub(crate) use settings::settings;

/// The hidden first argument that makes a process of this binary compile one component.
pub const COMPILE: &str = "compile-plugin";

/// The components inside this binary, put there by its build script.
const BUNDLED: &[BundledPlugin] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// Starts the platform with the plugins that the configuration and the folder name.
pub(crate) async fn start(
    config: &Config,
    server: Arc<ServerContext>,
) -> anyhow::Result<Arc<Platform>> {
    let settings = PlatformSettings {
        directory: config.plugin_dir(),
        cache: config.data_dir.join("cache"),
        bundled: BUNDLED,
        plugins: settings(config),
        compile: compile_command(config)?,
        memory: MemoryLimits {
            plugin_mib: config.plugins.plugin_memory_mib,
            total_mib: config.plugins.memory_mib,
        },
        events: server.router.inlet().clone(),
        overrides: choices(config),
    };
    let services = ServerServices {
        server,
        http: HttpClient::new()?,
    };
    Platform::start(settings, Arc::new(services)).await
}

/// The file of what was decided about plugins by command.
pub(crate) fn choices(config: &Config) -> PathBuf {
    config.data_dir.join("plugins.toml")
}

/// How this binary starts itself to compile a component. By the kernel's name for it where there is one, which still holds
/// after a newer version was copied over the file.
pub(crate) fn compile_command(config: &Config) -> anyhow::Result<CompileCommand> {
    let kernel = Path::new("/proc/self/exe");
    let program = if kernel.exists() {
        kernel.to_owned()
    } else {
        env::current_exe().context("cannot find this binary, which compiles plugins")?
    };
    Ok(CompileCommand {
        program,
        arguments: vec![COMPILE.into()],
        limits: CompileLimits {
            cpu_seconds: config.plugins.compile_cpu_seconds,
            wall_seconds: config.plugins.compile_wall_seconds,
            memory_mib: config.plugins.compile_memory_mib,
        },
    })
}

/// What a process does that was started to compile a component, with the arguments after [`COMPILE`]. The error is one
/// line for its parent.
pub fn compile(arguments: impl IntoIterator<Item = OsString>) -> anyhow::Result<()> {
    waxwing_plugins::compile_child(arguments)
}
