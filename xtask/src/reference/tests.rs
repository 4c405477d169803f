use super::catalogue::Catalogue;
use super::*;

const SMALL: &str = r"
package test:plugin@0.2.0;

/// Words.
@since(version = 0.1.0)
interface types {
    /// A name.
    @since(version = 0.1.0)
    record name {
        /// Its text, `a|b`.
        text: string,
    }
}

/// Export, needs the grant `judge`: decides. For filters.
///
/// Second paragraph; see `store.put`.
@since(version = 0.1.0)
interface judge {
    use types.{name};
    use store.{entry};

    /// What becomes of it.
    @since(version = 0.1.0)
    variant verdict {
        /// It goes on.
        pass,
        /// It is another.
        rename(name),
    }

    /// Judges one thing.
    @since(version = 0.2.0)
    judge-it: func(of: borrow<entry>, names: list<name>) -> verdict;
}

/// Import, needs no grant: keeps things. For everything.
@since(version = 0.1.0)
interface store {
    /// Why not.
    @since(version = 0.1.0)
    enum store-error {
        /// No room.
        full,
    }

    /// Which.
    @since(version = 0.1.0)
    flags kinds { large, small }

    /// One thing.
    @since(version = 0.1.0)
    resource entry {
        /// Makes one.
        @since(version = 0.1.0)
        constructor(kind: kinds);
        /// Reads one.
        @since(version = 0.1.0)
        parse: static func(text: string) -> result<entry, string>;
        /// Its value.
        @since(version = 0.1.0)
        value: func() -> option<tuple<u32, string>>;
    }

    /// Stores.
    @since(version = 0.1.0)
    put: func(key: string) -> result<_, store-error>;
}

/// All.
@since(version = 0.1.0)
world plugin {
    import store;
    export judge;
}
";

fn page_of(text: &str, name: &str) -> String {
    let catalogue = Catalogue::of_text(text).unwrap();
    demands::meet(&catalogue).unwrap();
    let entries = catalogue.entries();
    let entry = entries.iter().find(|entry| entry.name == name).unwrap();
    page::page(&catalogue, entry).unwrap()
}

fn complaint(text: &str) -> String {
    let catalogue = Catalogue::of_text(text).unwrap();
    demands::meet(&catalogue).unwrap_err().to_string()
}

#[test]
fn a_page_has_every_item_with_its_doc_and_the_way_to_its_types() {
    let page = page_of(SMALL, "judge");
    for line in [
        "# judge",
        "*Export: the server calls it · [grant](../grants.md) `judge` · since 0.1.0 · [all interfaces](index.md)*",
        "Decides. For filters.",
        "Second paragraph; see [`store.put`](store.md#put).",
        "### judge-it",
        "judge-it: func(of: borrow<entry>, names: list<name>) -> verdict",
        "Judges one thing. *Since 0.2.0.*",
        "Types: [`entry`](store.md#entry), [`name`](types.md#name), [`verdict`](#verdict).",
        "*variant.* What becomes of it.",
        "| `pass` | It goes on. |",
        "| [`rename(name)`](types.md#name) | It is another. |",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    assert!(
        !page.contains("### name"),
        "a used type stands where it is defined"
    );
}

#[test]
fn resources_enums_and_flags_are_shown_with_all_they_have() {
    let page = page_of(SMALL, "store");
    for line in [
        "| `full` | No room. |",
        "`large`, `small`.",
        "### entry.constructor",
        "constructor(kind: kinds)",
        "parse: static func(text: string) -> result<entry, string>",
        "Types: [`entry`](#entry). The error is a text for people.",
        "value: func() -> option<tuple<u32, string>>",
        "Errors: [`store-error`](#store-error).",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    assert!(page_of(SMALL, "types").contains("| `text` | `string` | Its text, `a\\|b`. |"));
}

#[test]
fn the_index_has_a_line_for_each_interface() {
    let page = index::page(&Catalogue::of_text(SMALL).unwrap());
    let exports = page.find("## Exports").unwrap();
    let imports = page.find("## Imports").unwrap();
    let judge = page
        .find("| [judge](judge.md) | `judge` | Decides | filters |")
        .unwrap();
    let store = page
        .find("| [store](store.md) | none | Keeps things | everything |")
        .unwrap();
    assert!(exports < judge && judge < imports && imports < store);
    assert!(page.contains("| [types](types.md) | Words |"));
}

#[test]
fn what_the_wit_leaves_open_is_named() {
    let cases = [
        (
            "        /// It goes on.\n",
            "",
            "`judge.verdict.pass` has no doc",
        ),
        (
            "    /// Stores.\n    @since(version = 0.1.0)\n",
            "    /// Stores.\n",
            "`store.put` has no `@since`",
        ),
        (
            "        /// Its value.\n",
            "",
            "`store.[method]entry.value` has no doc",
        ),
        (
            " For everything.",
            "",
            "`store` has no sentence that begins with `For `",
        ),
        (
            "Import, needs no grant: keeps",
            "Keeps",
            "`store` does not begin with Import",
        ),
        (
            "the grant `judge`",
            "the grant `judges`",
            "names the grant `judges`",
        ),
        (
            "    import store;\n    export judge;",
            "    import store;",
            "`judge` does not begin with Import",
        ),
    ];
    for (there, instead, expected) in cases {
        assert!(SMALL.contains(there), "{there}");
        let complaint = complaint(&SMALL.replace(there, instead));
        assert!(complaint.contains(expected), "{complaint}");
    }
}

#[test]
fn the_summary_lists_the_pages_that_there_are() {
    let summary = format!("# Summary\n\n{ENTRY}\n  - [old](reference/old.md)\n- [Last](last.md)\n");
    let names = ["one", "two"].map(str::to_owned);
    let made = listed(&summary, &names).unwrap();
    assert_eq!(
        made,
        format!(
            "# Summary\n\n{ENTRY}\n  - [one](reference/one.md)\n  - [two](reference/two.md)\n- [Last](last.md)\n"
        )
    );
    assert_eq!(listed(&made, &names).unwrap(), made);
    assert!(listed("# Summary\n", &names).is_err());
}

#[test]
fn a_page_that_is_not_what_the_wit_says_is_found_with_the_mend() {
    let root = tempfile::tempdir().unwrap();
    let guide = root.path().join("docs/guide");
    fs::create_dir_all(root.path().join("wit")).unwrap();
    fs::create_dir_all(guide.join(FOLDER)).unwrap();
    fs::write(root.path().join("wit/all.wit"), SMALL).unwrap();
    fs::write(guide.join(SUMMARY), format!("{ENTRY}\n")).unwrap();
    fs::write(guide.join(FOLDER).join("gone.md"), "").unwrap();
    let stale = check(root.path()).unwrap_err().to_string();
    assert!(stale.contains("reference/judge.md") && stale.contains("reference/gone.md"));
    assert!(stale.contains("`cargo xtask reference`"));
    for (file, text) in files(&root.path().join("wit"), &guide).unwrap() {
        fs::write(guide.join(file), text).unwrap();
    }
    fs::remove_file(guide.join(FOLDER).join("gone.md")).unwrap();
    check(root.path()).unwrap();
}
