//! Compiling components: in a child process with limits, since hostile code can make a compiler run for minutes and a thread
//! cannot be killed; and keeping the result, under a keyed MAC, since compiled code is trusted as our own.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use hmac::{Hmac, KeyInit, Mac};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt as _;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine;

/// CPU time of the child, in seconds.
const CPU_SECONDS: u64 = 120;
/// Wall time of the child: CPU time may be scarce.
const WALL: Duration = Duration::from_mins(5);
/// Address space of the child, in bytes.
const ADDRESS_SPACE: u64 = 2 << 30;
/// The largest component file, in bytes.
pub(crate) const MAX_COMPONENT: u64 = 64 << 20;
/// The largest compiled component that the parent reads back.
const MAX_COMPILED: u64 = 512 << 20;
const MAC_LENGTH: usize = 32;

/// How to start the child: this very binary with its hidden subcommand, to which two paths are added.
#[derive(Clone, Debug)]
pub struct CompileCommand {
    /// The program.
    pub program: PathBuf,
    /// Its first arguments.
    pub arguments: Vec<OsString>,
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
        engine: &Engine,
        bytes: &[u8],
        sha256: &str,
    ) -> anyhow::Result<Component> {
        let path = self
            .cache
            .join(format!("{sha256}-{}.cwasm", compatibility(engine)));
        if let Some(compiled) = self.cached(&path) {
            match load(engine, &compiled) {
                Ok(component) => return Ok(component),
                Err(error) => tracing::warn!(
                    "compiling again, since {} cannot be used: {error:#}",
                    path.display()
                ),
            }
        }
        let compiled = self.compile(bytes).await?;
        self.keep(&path, &compiled);
        load(engine, &compiled).context("the compiled component cannot be loaded")
    }

    /// What the cache has, if its MAC is right.
    fn cached(&self, path: &Path) -> Option<Vec<u8>> {
        let mut content = std::fs::read(path).ok()?;
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

    async fn compile(&self, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        let scratch = Scratch::new(&self.cache)?;
        let (input, output) = (scratch.0.join("component"), scratch.0.join("compiled"));
        tokio::fs::write(&input, bytes).await?;
        let mut child = tokio::process::Command::new(&self.command.program)
            .args(&self.command.arguments)
            .args([&input, &output])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the process that compiles")?;
        let mut said = Vec::new();
        let stderr = child.stderr.take();
        let finished = tokio::time::timeout(WALL, async {
            if let Some(stderr) = stderr {
                stderr.take(4_096).read_to_end(&mut said).await?;
            }
            child.wait().await
        });
        let Ok(status) = finished.await else {
            bail!(
                "compiling took longer than {} s of wall time",
                WALL.as_secs()
            );
        };
        let status = status?;
        if status.success() {
            let length = tokio::fs::metadata(&output).await?.len();
            ensure!(
                length <= MAX_COMPILED,
                "the compiled component is larger than {} MiB",
                MAX_COMPILED >> 20
            );
            return Ok(tokio::fs::read(&output).await?);
        }
        match (status.code(), String::from_utf8_lossy(&said).trim()) {
            (Some(_), said) if !said.is_empty() && !said.contains("memory allocation") => {
                bail!("{said}")
            }
            _ => bail!(
                "compiling needs more than {CPU_SECONDS} s of CPU time or {} GiB of memory",
                ADDRESS_SPACE >> 30
            ),
        }
    }
}

/// What the child process does: limits itself, then compiles the file `input` into the file `output`. The error is one
/// line for the parent to show.
pub fn compile_child(input: &Path, output: &Path) -> anyhow::Result<()> {
    limit(Resource::Cpu, CPU_SECONDS)?;
    limit(Resource::As, ADDRESS_SPACE)?;
    let bytes = std::fs::read(input)?;
    let engine = engine::for_compiling()?;
    let compiled = engine
        .precompile_component(&bytes)
        .map_err(|error| anyhow::anyhow!("{}", one_line(&error)))?;
    std::fs::write(output, compiled)?;
    Ok(())
}

/// Sets a limit of this process, unless it has a stricter one.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let maximum = getrlimit(resource)
        .maximum
        .map_or(most, |maximum| maximum.min(most));
    Ok(setrlimit(
        resource,
        Rlimit {
            current: Some(maximum),
            maximum: Some(maximum),
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
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Ok(content) = std::fs::read(path)
        && let Ok(key) = content.try_into()
    {
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).context("the operating system gives no random bytes")?;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&key)
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
