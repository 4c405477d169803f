//! What the kernel says about a process: memory, open files, processor time, children.

use std::fs;

use anyhow::{Context, Result};

/// Resident memory in KiB.
pub fn resident_kib(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("process {pid} is gone"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS in /proc")?;
    line.trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .context("VmRSS is no number")
}

/// How many files a process has open.
pub fn open_files(pid: u32) -> Result<usize> {
    let files = fs::read_dir(format!("/proc/{pid}/fd"));
    Ok(files
        .with_context(|| format!("process {pid} is gone"))?
        .count())
}

/// Processor time in microseconds of a process and all its living descendants, user and system.
pub fn cpu_micros(pid: u32) -> Result<u64> {
    let ticks_a_second = rustix::param::clock_ticks_per_second();
    let mut ticks = own_ticks(pid).with_context(|| format!("process {pid} is gone"))?;
    for child in descendants(pid) {
        // One that ended in between has given its time to its parent.
        ticks = ticks.saturating_add(own_ticks(child).unwrap_or(0));
    }
    Ok(ticks
        .saturating_mul(1_000_000)
        .checked_div(ticks_a_second)
        .unwrap_or(0))
}

fn own_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything; counted from behind it, utime and stime are the 12th and 13th.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

/// The processes below `pid`, nearest first.
#[must_use]
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next = next.saturating_add(1);
        let Ok(tasks) = fs::read_dir(format!("/proc/{parent}/task")) else {
            continue;
        };
        for task in tasks.flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(
                children
                    .split_whitespace()
                    .filter_map(|child| child.parse::<u32>().ok()),
            );
        }
    }
    found.remove(0);
    found
}

/// Whether the process exists and is no zombie.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}
