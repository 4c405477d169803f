//! `waxwing config`

use std::io::{self, Write};

use clap::Subcommand;

use super::{Configuration, say};
use crate::config;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Check the configuration, and say which file it was
    Check,
    /// Print the configuration in effect, in TOML
    Print {
        /// Print it in JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of the configuration file, for editors
    Schema,
}

pub(super) fn execute(command: &Command, configuration: &Configuration) -> anyhow::Result<()> {
    match command {
        Command::Check => check(configuration),
        Command::Print { json: false } => {
            let text = config::to_toml(&configuration.load()?)?;
            Ok(io::stdout().write_all(text.as_bytes())?)
        }
        Command::Print { json: true } => {
            Ok(say(&serde_json::to_string_pretty(&configuration.load()?)?)?)
        }
        Command::Schema => Ok(say(&serde_json::to_string_pretty(&config::schema())?)?),
    }
}

fn check(configuration: &Configuration) -> anyhow::Result<()> {
    let sources = configuration.sources();
    configuration.load()?;
    let checked = match sources.file {
        Some(file) => format!("{} is right", file.display()),
        None => "there is no file; the defaults are right".to_owned(),
    };
    Ok(say(&checked)?)
}
