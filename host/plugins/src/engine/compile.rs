//! Compiling components: in a child process with limits, since hostile code can make a compiler run for minutes and a thread
//! cannot be killed; and keeping the result, under a keyed MAC, since compiled code is trusted as our own.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use hmac::{Hmac, KeyInit, Mac};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, nice, setrlimit};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine::configuration::{self, Addresses};
use crate::plain_file;

/// How much nicer the child is than the server: compiling uses every processor, and must not be felt on the sockets.
const NICER: i32 = 15;
/// How many KiB of addresses the server's allocator reserves at a time in the child. Its default of a GiB would be half of
/// what the child may have, and all of the least that can be configured.
const ARENA: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "65536");
/// The largest component file, in bytes.
pub const MAX_COMPONENT: u64 = 64 << 20;
/// The largest compiled component that the parent reads back.
const MAX_COMPILED: u64 = 512 << 20;
const MAC_LENGTH: usize = 32;

/// How to start the child: this very binary with its hidden subcommand, to which are added what [`compile_child`] takes.
#[derive(Clone, Debug)]
pub struct CompileCommand {
    /// The program.
    pub program: PathBuf,
    /// Its first arguments.
    pub arguments: Vec<OsString>,
    /// What it may use.
    pub limits: CompileLimits,
}

/// What compiling one component may use. More ends the child, and the component is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// CPU time of all threads of the child together, in seconds.
    pub cpu_seconds: u32,
    /// Time by the clock, since CPU time may be scarce, in seconds.
    pub wall_seconds: u32,
    /// Address space of the child, in MiB.
    pub memory_mib: u32,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            cpu_seconds: 120,
            wall_seconds: 300,
            memory_mib: 2_048,
        }
    }
}

/// Compiles components and keeps the results.
pub(crate) struct Compiler {
    command: CompileCommand,
    cache: PathBuf,
    key: [u8; 32],
}

impl Compiler {
    /// Opens the cache in a folder, made if it is not there. Its key is beside it, readable by the owner alone.
    pub(crate) fn open(command: CompileCommand, cache: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(cache)
            .with_context(|| format!("cannot make the folder {}", cache.display()))?;
        let key = cache_key(&cache.join("key"))?;
        Ok(Self {
            command,
            cache: cache.to_owned(),
            key,
        })
    }

    /// The component of these bytes, from the cache or compiled now.
    pub(crate) async fn component(
        &self,
        (engine, addresses): (&Engine, Addresses),
        bytes: &[u8],
        sha256: &str,
    ) -> anyhow::Result<Component> {
        let path = self.place(engine, sha256);
        if let Some(compiled) = self.cached(&path) {
            match load(engine, &compiled) {
                Ok(component) => return Ok(component),
                Err(error) => tracing::warn!(
                    "compiling again, since {} cannot be used: {error:#}",
                    path.display()
                ),
            }
        }
        let compiled = self.compile(bytes, addresses).await?;
        self.keep(&path, &compiled);
        load(engine, &compiled).context("the compiled component cannot be loaded")
    }

    /// What the cache has, if its MAC is right.
    fn cached(&self, path: &Path) -> Option<Vec<u8>> {
        let most = MAX_COMPILED.saturating_add(MAC_LENGTH as u64);
        let mut content = match plain_file::read(path, most) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!("cannot use {}: {error}", path.display());
                return None;
            }
        };
        let (compiled, mac) = content.split_at_checked(content.len().checked_sub(MAC_LENGTH)?)?;
        if self.mac(compiled).verify_slice(mac).is_err() {
            tracing::warn!(
                "ignoring {}, which this server did not write",
                path.display()
            );
            return None;
        }
        content.truncate(compiled.len());
        Some(content)
    }

    /// Keeps a result. A cache that cannot be written costs time at the next start, nothing else.
    fn keep(&self, path: &Path, compiled: &[u8]) {
        let mac = self.mac(compiled).finalize().into_bytes();
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        let written = std::fs::write(&fresh, [compiled, &mac].concat())
            .and_then(|()| std::fs::rename(&fresh, path));
        if let Err(error) = written {
            tracing::warn!(
                "cannot keep the compiled component in {}: {error}",
                path.display()
            );
        }
    }

    fn mac(&self, compiled: &[u8]) -> Hmac<Sha256> {
        let mut key = hmac::digest::Key::<Hmac<Sha256>>::default();
        for (to, from) in key.iter_mut().zip(self.key) {
            *to = from;
        }
        <Hmac<Sha256> as KeyInit>::new(&key).chain_update(compiled)
    }

    /// Where the result of a component of that SHA-256 is kept.
    fn place(&self, engine: &Engine, sha256: &str) -> PathBuf {
        let name = format!("{sha256}-{}.cwasm", compatibility(engine));
        self.cache.join(name)
    }

    async fn compile(&self, bytes: &[u8], addresses: Addresses) -> anyhow::Result<Vec<u8>> {
        let limits = self.command.limits;
        let scratch = Scratch::new(&self.cache)?;
        let (input, output) = (scratch.0.join("component"), scratch.0.join("compiled"));
        tokio::fs::write(&input, bytes).await?;
        let mut child = self.child(&input, &output, addresses)?;
        let mut said = Vec::new();
        let stderr = child.stderr.take();
        let wall = Duration::from_secs(limits.wall_seconds.into());
        let finished = tokio::time::timeout(wall, async {
            if let Some(stderr) = stderr {
                stderr.take(4_096).read_to_end(&mut said).await?;
            }
            child.wait().await
        });
        let Ok(status) = finished.await else {
            // It is gone before anybody hears that it failed.
            child.kill().await?;
            bail!(
                "compiling takes longer than the {} s that `compile_wall_seconds` in [plugins] allows",
                limits.wall_seconds
            );
        };
        let status = status?;
        if !status.success() {
            bail!("{}", explain(status, &said, limits));
        }
        let length = tokio::fs::metadata(&output).await?.len();
        ensure!(
            length <= MAX_COMPILED,
            "the compiled component is larger than {} MiB",
            MAX_COMPILED >> 20
        );
        Ok(tokio::fs::read(&output).await?)
    }

    /// Starts the process that compiles.
    fn child(&self, input: &Path, output: &Path, addresses: Addresses) -> anyhow::Result<Child> {
        let limits = self.command.limits;
        Command::new(&self.command.program)
            .args(&self.command.arguments)
            .arg(limits.cpu_seconds.to_string())
            .arg(limits.memory_mib.to_string())
            .args([input, output])
            .arg(addresses.name())
            .env_clear()
            .envs([ARENA])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the process that compiles")
    }
}

/// Why a child gave no result.
fn explain(status: ExitStatus, said: &[u8], limits: CompileLimits) -> String {
    let said = String::from_utf8_lossy(said);
    let said = said.trim();
    let ended_by = |signal: Signal| status.signal() == Some(signal.as_raw());
    // The kernel's word for used-up CPU time, and what a process does for which there is no memory.
    if ended_by(Signal::XCPU) {
        format!(
            "compiling needs more than the {} s of CPU time that `compile_cpu_seconds` in [plugins] allows",
            limits.cpu_seconds
        )
    } else if ended_by(Signal::ABORT)
        || said.contains("memory allocation")
        // Threads for which there is no room.
        || said.contains("Resource temporarily unavailable")
    {
        format!(
            "compiling needs more than the {} MiB of memory that `compile_memory_mib` in [plugins] allows",
            limits.memory_mib
        )
    } else if said.is_empty() {
        format!("the process that compiles failed: {status}")
    } else {
        said.to_owned()
    }
}

/// What the child process does, by the arguments that follow those of [`CompileCommand`]: seconds of CPU time, MiB of
/// memory, the component's file, the file for the result, how memories get addresses. Limits itself, then compiles. The error is one line for the
/// parent to show.
pub fn compile_child(arguments: impl IntoIterator<Item = OsString>) -> anyhow::Result<()> {
    let mut arguments = arguments.into_iter();
    let mut next = || {
        let argument = arguments.next();
        argument.context("too few arguments for compiling a plugin; the server gives them")
    };
    let (cpu_seconds, memory_mib) = (number(&next()?)?, number(&next()?)?);
    let (input, output) = (PathBuf::from(next()?), PathBuf::from(next()?));
    let addresses = Addresses::of_name(&next()?).context("unknown way to compile a plugin")?;
    // Where that is not allowed, it competes as an equal.
    let _ = nice(NICER);
    limit(Resource::Cpu, cpu_seconds)?;
    limit(Resource::As, memory_mib.saturating_mul(1 << 20))?;
    let bytes = std::fs::read(input)?;
    let engine = configuration::for_compiling(addresses)?;
    let compiled = engine
        .precompile_component(&bytes)
        .map_err(|error| anyhow::anyhow!("{}", one_line(&error)))?;
    std::fs::write(output, compiled)?;
    Ok(())
}

fn number(argument: &OsStr) -> anyhow::Result<u64> {
    let number = argument.to_str().and_then(|argument| argument.parse().ok());
    number.context("the limits of compiling are whole numbers")
}

/// Sets a limit of this process, unless it has a stricter one.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let stricter = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    Ok(setrlimit(
        resource,
        Rlimit {
            // Past this the kernel says SIGXCPU, which the parent recognises; a process that ignores it is killed at the maximum.
            current: Some(most.min(stricter)),
            maximum: Some(most.saturating_add(1).min(stricter)),
        },
    )?)
}

/// An error and its causes in one line, without what points into the file.
pub(crate) fn one_line(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The SHA-256 of a component, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// Makes a component from our own compiled code.
fn load(engine: &Engine, compiled: &[u8]) -> anyhow::Result<Component> {
    #[expect(
        unsafe_code,
        reason = "the code comes from our own compiler, just now or under our MAC"
    )]
    // SAFETY: `compiled` is what `Engine::precompile_component` of this version gave in a child of ours, either read back
    // from it or from the cache after its MAC was checked. The engine checks version and settings.
    let component = unsafe { Component::deserialize(engine, compiled) };
    Ok(component?)
}

/// Names what compiled code depends on besides the component: the compiler's version and settings.
fn compatibility(engine: &Engine) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn cache_key(path: &Path) -> anyhow::Result<[u8; 32]> {
    match plain_file::read(path, 32) {
        Ok(content) => {
            // A crash may have left a part of it; what it was for is compiled again.
            if let Ok(key) = content.try_into() {
                return Ok(key);
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).context("the operating system gives no random bytes")?;
    plain_file::replace(path, &key, 0o600)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(key)
}

/// A folder of the child's files, removed with everything in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(cache: &Path) -> anyhow::Result<Self> {
        let mut name = [0; 8];
        getrandom::fill(&mut name).context("the operating system gives no random bytes")?;
        let path = cache.join(format!("compiling-{:016x}", u64::from_ne_bytes(name)));
        std::fs::create_dir(&path)
            .with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is only rubbish.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiler(cache: &Path) -> Compiler {
        let command = CompileCommand {
            program: PathBuf::from("/bin/false"),
            arguments: Vec::new(),
            limits: CompileLimits::default(),
        };
        Compiler::open(command, cache).unwrap()
    }

    #[test]
    fn trusts_only_what_it_wrote_itself() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("component.cwasm");
        compiler(folder.path()).keep(&file, b"code");
        // The key outlives the process.
        let again = compiler(folder.path());
        assert_eq!(again.cached(&file).as_deref(), Some(b"code".as_slice()));

        let written = std::fs::read(&file).unwrap();
        for at in 0..written.len() {
            let mut altered = written.clone();
            altered[at] ^= 1;
            std::fs::write(&file, &altered).unwrap();
            assert_eq!(again.cached(&file), None, "byte {at}");
        }
        std::fs::write(&file, b"short").unwrap();
        assert_eq!(again.cached(&file), None);
        assert_eq!(again.cached(&folder.path().join("absent")), None);
    }

    #[test]
    fn a_key_of_another_server_is_another_key() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = one.path().join("component.cwasm");
        compiler(one.path()).keep(&file, b"code");
        assert_eq!(compiler(two.path()).cached(&file), None);
    }
}
