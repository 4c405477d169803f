//! What plugins need of each other: whether it is all there, in which order they come, and who goes with whom.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::model::manifest::{Dependency, Manifest};

/// Why a plugin cannot serve for want of another. It is tried again by itself when plugins come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DependencyError {
    #[error(
        "it depends on `{name}` in versions {versions}, which is not there; install it, and this plugin is loaded by itself"
    )]
    Missing { name: String, versions: String },
    #[error(
        "it depends on `{name}`, which is disabled; `waxwing plugin enable` this one, or that one"
    )]
    Disabled { name: String },
    #[error("it depends on `{name}`, which cannot be loaded: {why}")]
    Broken { name: String, why: String },
    #[error(
        "it depends on `{name}` in versions {versions}, but there is {version}; install a version that will do"
    )]
    Version {
        name: String,
        versions: String,
        version: Version,
    },
    #[error(
        "`{by}` depends on `{name}` in versions {versions}, and this is {version}; replace `{by}` first"
    )]
    Needed {
        by: String,
        name: String,
        versions: String,
        version: Version,
    },
    #[error("it depends on `{name}`, which went; it comes back by itself when `{name}` does")]
    Went { name: String },
}

/// Plugins by name, and what each needs.
pub(crate) type Plugins<'a> = BTreeMap<&'a str, &'a Manifest>;

/// Whether all that the plugins need of each other is there, once those that come are there in place of the old ones.
pub(crate) fn check(serving: &Plugins<'_>, coming: &Plugins<'_>) -> Result<(), DependencyError> {
    let after = |name: &str| coming.get(name).or_else(|| serving.get(name)).copied();
    let staying = serving.keys().filter(|name| !coming.contains_key(*name));
    for name in coming.keys().chain(staying) {
        for dependency in after(name).iter().flat_map(|plugin| &plugin.dependencies) {
            let found = after(&dependency.name).map(|plugin| &plugin.release);
            let Some(problem) = problem(dependency, found) else {
                continue;
            };
            return Err(match problem {
                DependencyError::Version {
                    name: needed,
                    versions,
                    version,
                } if !coming.contains_key(name) => DependencyError::Needed {
                    by: (*name).to_owned(),
                    name: needed,
                    versions,
                    version,
                },
                other => other,
            });
        }
    }
    Ok(())
}

fn problem(dependency: &Dependency, found: Option<&Version>) -> Option<DependencyError> {
    let (name, versions) = (dependency.name.clone(), dependency.versions.to_string());
    match found {
        None => Some(DependencyError::Missing { name, versions }),
        Some(version) if !dependency.versions.matches(version) => Some(DependencyError::Version {
            name,
            versions,
            version: version.clone(),
        }),
        Some(_) => None,
    }
}

/// The plugins in the order in which they come: each after those that it depends on, except in a circle, where there is
/// no such order and the names decide.
pub(crate) fn order(plugins: &Plugins<'_>) -> Vec<String> {
    let mut order = Vec::with_capacity(plugins.len());
    let mut seen = BTreeSet::new();
    for &first in plugins.keys() {
        // A name comes off the stack twice: to look at what it needs, and when all of that has come.
        let mut stack = vec![(first, false)];
        while let Some((name, is_ready)) = stack.pop() {
            if is_ready {
                order.push(name.to_owned());
                continue;
            }
            let Some(plugin) = plugins.get(name).filter(|_| seen.insert(name)) else {
                continue;
            };
            stack.push((name, true));
            let needed = plugin.dependencies.iter().rev();
            stack.extend(needed.map(|dependency| (dependency.name.as_str(), false)));
        }
    }
    order
}

/// The plugins that cannot go on without that one, themselves or by another, with the one that each lacks; the last to
/// come is the first to go.
pub(crate) fn dependents(serving: &Plugins<'_>, name: &str) -> Vec<(String, String)> {
    let mut lacks: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = vec![name];
    while let Some(gone) = open.pop() {
        for (&dependent, plugin) in serving {
            let needs = plugin.dependencies.iter().any(|needed| needed.name == gone);
            if needs && dependent != name && !lacks.contains_key(dependent) {
                lacks.insert(dependent, gone);
                open.push(dependent);
            }
        }
    }
    let going = order(serving).into_iter().rev();
    going
        .filter_map(|dependent| {
            let lacked = (*lacks.get(dependent.as_str())?).to_owned();
            Some((dependent, lacked))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use semver::VersionReq;

    use super::*;

    fn plugin(name: &str, version: &str, needs: &[(&str, &str)]) -> Manifest {
        let needs = needs.iter().map(|(name, versions)| Dependency {
            name: (*name).to_owned(),
            versions: VersionReq::parse(versions).unwrap(),
        });
        Manifest {
            name: name.to_owned(),
            release: Version::parse(version).unwrap(),
            dependencies: needs.collect(),
            ..Manifest::nobody()
        }
    }

    fn by_name(plugins: &[Manifest]) -> Plugins<'_> {
        let pairs = plugins.iter().map(|plugin| (plugin.name.as_str(), plugin));
        pairs.collect()
    }

    #[test]
    fn each_comes_after_what_it_depends_on_and_a_circle_comes_all_the_same() {
        let plugins = [
            plugin("a", "1.0.0", &[("b", "1"), ("c", "1")]),
            plugin("b", "1.0.0", &[("c", "1")]),
            plugin("c", "1.0.0", &[("d", "1")]),
            plugin("d", "1.0.0", &[("c", "1")]),
        ];
        assert_eq!(order(&by_name(&plugins)), ["d", "c", "b", "a"]);
    }

    #[test]
    fn what_is_missing_or_of_another_version_is_named() {
        let serving = [
            plugin("a", "1.0.0", &[("b", "^1.2")]),
            plugin("b", "1.2.3", &[]),
        ];
        let serving = by_name(&serving);
        assert_eq!(check(&serving, &Plugins::new()), Ok(()));

        let alone = [plugin("x", "1.0.0", &[("y", "2")])];
        let error = check(&serving, &by_name(&alone)).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("it depends on `y` in versions ^2, which is not there")
        );
        let wants_newer = [plugin("x", "1.0.0", &[("b", ">=1.3")])];
        let error = check(&serving, &by_name(&wants_newer)).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`b` in versions >=1.3, but there is 1.2.3"),
            "{error}"
        );
    }

    #[test]
    fn a_new_version_that_others_cannot_use_comes_only_together_with_theirs() {
        let serving = [
            plugin("a", "1.0.0", &[("b", "^1")]),
            plugin("b", "1.2.3", &[]),
        ];
        let serving = by_name(&serving);
        let newer = [plugin("b", "2.0.0", &[])];
        let error = check(&serving, &by_name(&newer)).unwrap_err();
        assert!(
            matches!(&error, DependencyError::Needed { by, .. } if by == "a"),
            "{error}"
        );
        let both = [
            plugin("a", "2.0.0", &[("b", "2")]),
            plugin("b", "2.0.0", &[]),
        ];
        assert_eq!(check(&serving, &by_name(&both)), Ok(()));
    }

    #[test]
    fn those_that_go_too_go_first() {
        let plugins = [
            plugin("a", "1.0.0", &[("b", "1")]),
            plugin("b", "1.0.0", &[("c", "1")]),
            plugin("c", "1.0.0", &[("b", "1")]),
            plugin("d", "1.0.0", &[]),
        ];
        let plugins = by_name(&plugins);
        let going = dependents(&plugins, "c");
        assert_eq!(
            going,
            [
                ("a".to_owned(), "b".to_owned()),
                ("b".to_owned(), "c".to_owned())
            ]
        );
        assert!(dependents(&plugins, "d").is_empty());
    }
}
