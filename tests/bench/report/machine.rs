//! Where the figures were taken, and of what.

use std::fs;
use std::process::Stdio;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use waxwing_tests::environment;

use crate::measure;
use crate::subjects::{Server, Stock};

/// A machine with servers on it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Machine {
    processor: String,
    processors: usize,
    kernel: String,
    /// Name and version.
    servers: Vec<String>,
}

impl Machine {
    pub(super) async fn this(stock: &Stock) -> Result<Self> {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus.lines().find(|line| line.starts_with("model name"));
        let processor = model.and_then(|line| line.split_once(": "));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let mut own = Command::new(stock.binary(Server::Waxwing)?);
        environment::remove_variables(&mut own);
        let mut servers = vec![printed(own.arg("--version")).await];
        for package in ["prosody", "ejabberd"] {
            let mut query = Command::new("dpkg-query");
            query.args(["--show", "--showformat", "${Package} ${Version}", package]);
            servers.push(printed(&mut query).await);
        }
        servers.retain(|server| !server.is_empty());
        Ok(Self {
            processor: processor.map_or("unknown", |(_, name)| name).to_owned(),
            processors: measure::processors(),
            kernel: kernel.trim().to_owned(),
            servers,
        })
    }

    pub(super) fn described(&self) -> String {
        format!(
            "{}, {} processors, Linux {}; {}",
            self.processor,
            self.processors,
            self.kernel,
            self.servers.join(", ")
        )
    }
}

/// What a command prints, or nothing if it fails.
async fn printed(command: &mut Command) -> String {
    let output = command.stderr(Stdio::null()).output().await;
    let output = output.ok().filter(|output| output.status.success());
    output.map_or_else(String::new, |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}
