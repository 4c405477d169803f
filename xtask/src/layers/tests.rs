use super::*;

const ROOT: &str = "//! A crate.\n//!\n//! # Layers\n//! 1. `low`: data.\n//! 2. `high`: behaviour.\n//!\n//! # More\n//! 3. `other`\n";

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    texts.insert("lib.rs".to_owned(), ROOT.to_owned());
    for (file, text) in files {
        texts.entry((*file).to_owned()).or_default().push_str(text);
    }
    Tree::of(texts).unwrap()
}

fn problems(files: &[(&str, &str)]) -> Vec<String> {
    tree(files).problems().unwrap()
}

#[test]
fn an_import_of_a_higher_layer_is_named_with_its_line_and_both_layers() {
    let found = problems(&[
        ("low/mod.rs", "mod data;\n"),
        ("low/data.rs", "\n/// Docs.\nuse crate::high::Thing;\n"),
        (
            "high.rs",
            "use crate::low::data::Datum;\npub struct Thing;\n",
        ),
    ]);
    assert_eq!(
        found,
        ["low/data.rs:3: layer `low` imports `high` of the higher layer `high`"]
    );
}

#[test]
fn a_downward_import_is_allowed() {
    let files = [("low.rs", "struct A;"), ("high.rs", "use crate::low::A;")];
    assert!(problems(&files).is_empty());
}

#[test]
fn a_re_export_hides_no_import() {
    let found = problems(&[
        (
            "lib.rs",
            "mod low; mod high;\npub use high::{Thing as Named};\n",
        ),
        ("low.rs", "use crate::Named;\n"),
        ("high.rs", "pub struct Thing;\n"),
    ]);
    assert_eq!(
        found,
        ["low.rs:1: layer `low` imports `high` of the higher layer `high`"]
    );
}

#[test]
fn paths_in_code_and_through_super_count_and_texts_and_tests_do_not() {
    let low = r##"
        fn f() { super::high::g() }
        fn h() -> crate::high::T { todo }
        // crate::high::X
        const A: &str = "crate::high::X"; const B: &str = r#"crate::high::"X"#;
        const C: char = '"'; fn i<'a>(_: &'a str) {}
        #[cfg(test)]
        use crate::high::Y;
        #[cfg(test)]
        mod tests { use crate::high::Z; }
        #[cfg(test)]
        mod more;
    "##;
    let found = problems(&[
        ("low/mod.rs", low),
        ("low/more.rs", "use crate::high::Q;"),
        ("high.rs", ""),
    ]);
    let lines: Vec<_> = found
        .iter()
        .map(|one| one.split(": ").next().unwrap())
        .collect();
    assert_eq!(lines, ["low/mod.rs:2", "low/mod.rs:3"]);
}

#[test]
fn a_layer_that_is_not_listed_or_not_there_is_named() {
    let found = problems(&[("low.rs", ""), ("new.rs", "")]);
    assert!(found[0].starts_with("new: no layer"), "{found:?}");
    assert!(found[1].starts_with("high: a layer"), "{found:?}");
    assert_eq!(found.len(), 2);
}

/// Files of one layer, each of which imports the next, the last one the first.
fn ring(names: &[&str]) -> Vec<(String, String)> {
    let next = names.iter().cycle().skip(1);
    let ring = names.iter().zip(next);
    ring.map(|(name, next)| {
        let module = next
            .trim_end_matches(".rs")
            .trim_end_matches("/mod")
            .replace('/', "::");
        ((*name).to_owned(), format!("use crate::{module}::Item;\n"))
    })
    .collect()
}

fn problems_of(files: &[(String, String)]) -> Vec<String> {
    let mut all: Vec<(&str, &str)> = vec![("high.rs", ""), ("low/mod.rs", "")];
    all.extend(
        files
            .iter()
            .map(|(file, text)| (file.as_str(), text.as_str())),
    );
    problems(&all)
}

#[test]
fn a_circle_of_four_files_fails_and_of_three_does_not() {
    let small = ring(&["low/a.rs", "low/b.rs", "low/c.rs"]);
    assert!(problems_of(&small).is_empty());
    let large = ring(&["low/a.rs", "low/b.rs", "low/c.rs", "low/d.rs"]);
    let found = problems_of(&large);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("4 files import each other in a circle"),
        "{found:?}"
    );
    assert!(
        found[0].contains("low/d.rs:1 imports low/a.rs"),
        "{found:?}"
    );
}

#[test]
fn a_module_and_its_children_may_be_eight() {
    let eight = [
        "low/mod.rs",
        "low/a.rs",
        "low/b.rs",
        "low/c.rs",
        "low/d.rs",
        "low/e.rs",
        "low/f.rs",
        "low/g.rs",
    ];
    assert!(problems_of(&ring(&eight)).is_empty());
    let mut nine = eight.to_vec();
    nine.push("low/h.rs");
    assert_eq!(problems_of(&ring(&nine)).len(), 1);
}

#[test]
fn the_root_names_the_layers_in_order() {
    assert_eq!(layers_in(ROOT), ["low", "high"]);
    assert!(Tree::of(BTreeMap::from([("lib.rs".to_owned(), String::new())])).is_err());
}
