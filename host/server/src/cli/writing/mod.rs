//! `waxwing plugin new` and `waxwing plugin build`: a plugin from the first line to the component, without a repository of ours.

mod build;
mod new;
mod template;

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a folder with a plugin in Rust that builds and passes its own test
    New {
        /// The plugin's name, and the folder's
        name: String,
        /// The language to write it in
        #[arg(long, value_enum, default_value_t = Language::Rust)]
        language: Language,
        /// Where to make the folder
        #[arg(long, value_name = "DIR", default_value = ".")]
        dir: PathBuf,
    },
    /// Make a component of a plugin
    Build {
        /// The folder of a plugin in Rust, or a core module with WIT in it
        #[arg(value_name = "DIR|FILE", default_value = ".")]
        source: PathBuf,
        /// Where to write the component; default: NAME.wasm in the folder, or FILE with the ending .component.wasm
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// A language that there is a template in. Others bring a core module or a component to `build`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    Rust,
}

pub(super) fn execute(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::New {
            name,
            language: Language::Rust,
            dir,
        } => new::make(name, dir),
        Command::Build { source, output } => build::build(source, output.as_deref()),
    }
}
