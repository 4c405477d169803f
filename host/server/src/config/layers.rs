//! Where configuration comes from: a file, over it the environment, over that the command line.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use waxwing_plugins::plain_file;

use super::{
    Config, ConfigError, check,
    decode::Reader,
    renamed,
    tree::{Node, Source, Value},
};

/// Beginning of the environment variables that are configuration.
const PREFIX: &str = "WAXWING_";

/// Files tried, in this order, where the operator names none.
const USUAL_FILES: [&str; 2] = ["waxwing.toml", "/etc/waxwing/waxwing.toml"];

/// The largest file that is read.
const MAX_BYTES: u64 = 16 << 20;

/// What to read a configuration from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file; none: the defaults.
    pub file: Option<PathBuf>,
    /// Names and values of environment variables; those that do not begin with `WAXWING_` are passed over.
    pub environment: Vec<(String, String)>,
    /// `KEY=VALUE`, each over those before it.
    pub set: Vec<String>,
}

impl Sources {
    /// What the process was started with. Without `file`: `./waxwing.toml` if it exists, else `/etc/waxwing/waxwing.toml` if
    /// that exists, else none.
    pub fn of_process(file: Option<PathBuf>, set: Vec<String>) -> Self {
        let usual = || {
            USUAL_FILES
                .iter()
                .map(PathBuf::from)
                .find(|path| path.exists())
        };
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        let environment = env::vars_os()
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        Self {
            file: file.or_else(usual),
            environment,
            set,
        }
    }
}

/// Reads and checks a configuration.
///
/// # Errors
/// The first mistake found: its text is one line that names key, source and mend.
pub fn load(sources: &Sources) -> Result<Config, ConfigError> {
    let mut tree = Node::empty();
    let mut warnings = Vec::new();
    if let Some(path) = &sources.file {
        let mut file = read_file(path)?;
        renamed::rename_keys(&mut file, &mut warnings)?;
        tree.overlay(file);
    }
    let mut environment = sources.environment.clone();
    environment.sort();
    for (name, value) in &environment {
        lay_variable(&mut tree, name, value, &mut warnings)?;
    }
    for assignment in &sources.set {
        lay_assignment(&mut tree, assignment, &mut warnings)?;
    }
    let config = Config::deserialize(Reader::new(&tree)).and_then(check::finish);
    let config = config.map_err(|fault| fault.into_error(&tree))?;
    Ok(Config { warnings, ..config })
}

fn read_file(path: &Path) -> Result<Node, ConfigError> {
    let text = plain_file::read_to_string(path, MAX_BYTES)
        .map_err(|error| ConfigError::new(format!("cannot read {}: {error}", path.display())))?;
    let shared: Arc<Path> = Arc::from(path);
    let source = |at: usize| Source::File {
        path: Arc::clone(&shared),
        line: line(&text, at),
    };
    let table = DeTable::parse(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        ConfigError::new(format!("{}: {}", source(at), error.message()))
    })?;
    Node::from_table(table.get_ref(), &source, 0)
}

/// The line, from 1, of a byte offset.
fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    before
        .filter(|byte| **byte == b'\n')
        .count()
        .saturating_add(1)
}

/// Lays one environment variable on the tree: `WAXWING_LIMITS__STANZA_BYTES` is `limits.stanza_bytes`.
fn lay_variable(
    tree: &mut Node,
    name: &str,
    value: &str,
    warnings: &mut Vec<String>,
) -> Result<(), ConfigError> {
    let Some(key) = name
        .strip_prefix(PREFIX)
        .filter(|key| !is_service_link(key))
    else {
        return Ok(());
    };
    let mut path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
    hyphenate_plugin(&mut path);
    let source = Source::Environment(Arc::from(name));
    renamed::rename_path(&mut path, &source, warnings);
    lay(tree, &path, value, &source)
}

/// Kubernetes puts such variables into every container beside a service of the name `waxwing`.
fn is_service_link(key: &str) -> bool {
    key == "PORT" || key.starts_with("PORT_") || key.starts_with("SERVICE_")
}

/// Plugins' names have hyphens, which variables' names cannot have, and no underscores.
fn hyphenate_plugin(path: &mut [String]) {
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    let place = match words.as_slice() {
        ["plugin", ..] => 1,
        ["host", _, "plugin", ..] => 3,
        _ => return,
    };
    if let Some(name) = path.get_mut(place) {
        *name = name.replace('_', "-");
    }
}

/// Lays one `KEY=VALUE` on the tree.
fn lay_assignment(
    tree: &mut Node,
    assignment: &str,
    warnings: &mut Vec<String>,
) -> Result<(), ConfigError> {
    let Some((key, value)) = assignment.split_once('=') else {
        return Err(ConfigError::new(format!(
            "--set {assignment} has no value; write --set KEY=VALUE"
        )));
    };
    let key = key.trim();
    let mut path = dotted(key).ok_or_else(|| {
        ConfigError::new(format!(
            "--set {key}: not a key; write names with dots between, as limits.stanza_bytes"
        ))
    })?;
    let source = Source::Set(Arc::from(key));
    renamed::rename_path(&mut path, &source, warnings);
    lay(tree, &path, value.trim(), &source)
}

/// The parts of a key in TOML's own notation, quotes included.
fn dotted(key: &str) -> Option<Vec<String>> {
    let document = format!("{key} = 0");
    let mut table = DeTable::parse(&document).ok()?.into_inner();
    let mut path = Vec::new();
    loop {
        let mut entries = table.into_iter();
        let (key, value) = entries.next()?;
        path.push(key.get_ref().to_string());
        match (value.into_inner(), entries.next()) {
            (DeValue::Table(next), None) => table = next,
            (DeValue::Integer(_), None) => return Some(path),
            _ => return None,
        }
    }
}

fn lay(tree: &mut Node, path: &[String], value: &str, source: &Source) -> Result<(), ConfigError> {
    let node = parse_value(value, source)?;
    tree.overlay_at(path, node)
        .map_err(|error| ConfigError::new(format!("{source}: {error}")))
}

/// A value in TOML. A text that TOML cannot read and that does not begin like one of its quoted or bracketed values is a
/// string: so that addresses, paths and domains need no quotes.
fn parse_value(text: &str, source: &Source) -> Result<Node, ConfigError> {
    if text.is_empty() {
        let message = format!("{source}: no value; an empty string is written \"\"");
        return Err(ConfigError::new(message));
    }
    match DeValue::parse(text) {
        Ok(value) => Node::from_value(value.get_ref(), &|_| source.clone(), 0),
        Err(error) if text.starts_with(['"', '\'', '[', '{']) => {
            let message = format!(
                "{source}: `{text}` is not a value in TOML: {}",
                error.message()
            );
            Err(ConfigError::new(message))
        }
        Err(_) => Ok(Node {
            value: Value::String(text.to_owned()),
            source: source.clone(),
        }),
    }
}
