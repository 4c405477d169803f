//! What is wrong with a manifest.

/// What is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the manifest's {what} {problem}")]
pub(crate) struct ManifestError {
    pub(crate) what: String,
    problem: &'static str,
}

pub(crate) fn wrong<T>(what: impl Into<String>, problem: &'static str) -> Result<T, ManifestError> {
    Err(ManifestError {
        what: what.into(),
        problem,
    })
}
