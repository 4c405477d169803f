//! What the system says: processor time, memory, processors.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use waxwing_tests::process;

use crate::metric::{Metric, Values};

/// Files that a process of the bench may hold, where the system allows it.
const FILES: u64 = 20_000;

/// The moment at which a measurement began.
pub(crate) struct Start {
    pid: u32,
    at: Instant,
    server: u64,
    generator: Duration,
}

impl Start {
    /// Of the server whose process is `pid`, its children included.
    pub(crate) fn now(pid: u32) -> Result<Self> {
        Ok(Self {
            pid,
            server: process::cpu_micros(pid)?,
            generator: own_cpu(),
            at: Instant::now(),
        })
    }

    /// The figures since then, for `units` that were done.
    pub(crate) fn values(&self, units: u64) -> Result<Values> {
        let elapsed = self.at.elapsed().as_secs_f64();
        let generator = own_cpu().saturating_sub(self.generator).as_secs_f64();
        let server = process::cpu_micros(self.pid)?.saturating_sub(self.server) as f64;
        let units = units as f64;
        Ok(Values::from([
            (Metric::Rate, units / elapsed),
            (Metric::Cpu, server / units),
            (Metric::Busy, server / 1e4 / elapsed),
            (Metric::Generator, generator * 100.0 / elapsed),
            (Metric::Memory, proportional_kib(self.pid)? as f64 / 1024.0),
        ]))
    }
}

/// Processor time of this process.
fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// Memory of a process and all below it in KiB: pages that several share are divided among them.
pub(crate) fn proportional_kib(pid: u32) -> Result<u64> {
    let own = pss(pid).with_context(|| format!("process {pid} is gone"))?;
    let children = process::descendants(pid).into_iter().filter_map(pss);
    Ok(own + children.sum::<u64>())
}

fn pss(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// The processor that the generator has for itself: the last one, or the only one.
pub(crate) fn generator_cpu() -> Result<usize> {
    Ok(std::thread::available_parallelism()?.get() - 1)
}

/// Keeps this process on one processor.
pub(crate) fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).context("cannot choose a processor")
}

/// Lets this process, and the servers that it starts, hold many connections.
pub(crate) fn raise_file_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(FILES, |most| most.min(FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).context("cannot raise the limit of open files")?;
    }
    Ok(())
}

/// Connections that a process may hold beside what it needs itself.
pub(crate) fn connection_limit() -> u32 {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(FILES);
    u32::try_from(files.min(FILES))
        .unwrap_or(u32::MAX)
        .saturating_sub(500)
}

/// Processors of the machine.
pub(crate) fn processors() -> usize {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .filter(|line| line.starts_with("processor"))
        .count()
}
