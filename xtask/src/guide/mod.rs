//! What the guide promises by its form: every link leads somewhere, every page is in the summary, every
//! grant is explained, and no hook of another server is without a decision.

mod elsewhere;
mod grants;
mod links;

use std::path::Path;

use anyhow::{Result, bail};

/// An error that lists all that is wrong.
pub(crate) fn check(root: &Path) -> Result<()> {
    let guide = root.join("docs/guide");
    let mut wrong = links::wrong(&guide)?;
    wrong.extend(elsewhere::wrong(&guide)?);
    wrong.extend(grants::wrong(root)?);
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("the guide has faults:\n  {}", wrong.join("\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_has_no_dead_link_and_the_reference_is_up_to_date() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        check(root).unwrap();
        crate::reference::check(root).unwrap();
    }
}
