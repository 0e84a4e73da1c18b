//! The arrows of the house: which room may use which. Read from expanded imports (grouped `use`, `self`,
//! `super`, paths inside expressions and macros), so that no spelling hides one. Code under
//! `#[cfg(test)]` may look from outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A path that code names, from the root of its crate or from another crate.
type Names = Vec<String>;

/// What the library's rooms may use inside the library. `data` is every file at its root: plain data that
/// all rooms share.
const LIBRARY: Rules = &[
    ("data", &[]),
    ("protocol", &["data"]),
    ("client", &["data"]),
    ("store", &["data"]),
    ("engine", &["data", "protocol", "client", "store"]),
    ("mail", &["data", "protocol", "client", "store", "engine"]),
    (
        "uploader",
        &["data", "protocol", "client", "store", "engine"],
    ),
];

/// What the command line's rooms may use inside the command line, beside the library.
const COMMAND_LINE: Rules = &[
    ("data", &[]),
    ("settings", &["data", "report"]),
    ("report", &["data"]),
    ("auth", &["data", "report", "settings"]),
    ("terminal", &["data", "report", "settings"]),
    ("args", &["batch", "data", "settings"]),
    ("batch", &["data", "report", "settings"]),
    (
        "commands",
        &[
            "args", "auth", "batch", "data", "report", "settings", "terminal",
        ],
    ),
    (
        "app",
        &[
            "args", "auth", "commands", "data", "report", "settings", "terminal",
        ],
    ),
];

/// What the stand-in's rooms may use: an exchange is handed to Graph's or the upload host's side.
const STAND_IN: Rules = &[
    ("data", &["model", "options", "server"]),
    ("options", &["data"]),
    ("model", &["data", "options"]),
    ("server", &["data", "model", "options"]),
    ("graph", &["data", "model", "options", "server"]),
    ("upload", &["data", "graph", "model", "options", "server"]),
    ("control", &["data", "graph", "model", "options", "server"]),
    (
        "exchange",
        &[
            "control", "data", "graph", "model", "options", "server", "upload",
        ],
    ),
    ("args", &["data", "options"]),
    ("run", &["args", "data"]),
];

type Rules = &'static [(&'static str, &'static [&'static str])];

/// Each package with its rules.
const PACKAGES: &[(&str, Rules)] = &[
    ("crates/graph-upload", LIBRARY),
    ("crates/graph-sandbox", STAND_IN),
    (".", COMMAND_LINE),
];

/// Crates and modules that only some rooms may name: (crate of ours, what, the rooms).
const FOREIGN: &[(&str, &str, &[&str])] = &[
    ("crates/graph-upload", "reqwest", &["client"]),
    ("crates/graph-upload", "std::env", &[]),
    ("crates/graph-upload", "clap", &[]),
    ("crates/graph-upload", "indicatif", &[]),
    ("crates/graph-upload", "graph_attach", &[]),
    ("crates/graph-upload", "graph_sandbox", &[]),
    ("crates/graph-sandbox", "graph_attach", &[]),
    ("crates/graph-sandbox", "graph_upload", &[]),
    (".", "clap", &["args", "app", "commands", "settings"]),
    (".", "indicatif", &["terminal"]),
    (".", "graph_sandbox", &["args", "commands"]),
];

#[test]
fn rooms_use_only_what_they_may() {
    for (package, rules) in PACKAGES {
        let arrows = arrows(&root().join(package).join("src"), rules);
        let wrong = forbidden(&arrows, rules);
        assert!(wrong.is_empty(), "{package}: {wrong:#?}");
    }
}

#[test]
fn rooms_form_no_circle() {
    for (package, rules) in PACKAGES {
        let arrows = arrows(&root().join(package).join("src"), rules);
        assert_eq!(circle(&arrows), None, "{package}");
    }
}

#[test]
fn other_crates_stay_where_they_belong() {
    for (package, name, rooms) in FOREIGN {
        let src = root().join(package).join("src");
        for (file, room, path) in paths(&src) {
            let named = path.join("::");
            let names = named == *name || named.starts_with(&format!("{name}::"));
            assert!(
                !names || rooms.contains(&room.as_str()),
                "{file} names {named}"
            );
        }
    }
}

/// The test itself is tested: each spelling of a forbidden arrow is found, and none is where none is.
#[test]
fn a_forbidden_arrow_is_seen_however_it_is_written() {
    for code in [
        "use crate::client::Transport;",
        "use crate::{data::Item, client::{self, Transport}};",
        "use super::super::client as c;",
        "use super::{plan::Range, super::client::wire};",
        "fn f() { crate::client::send(); }",
        "fn f() -> Result<crate::client::Reply, ()> { loop {} }",
        "fn f() { println!(\"{}\", crate::client::NAME); }",
    ] {
        let found = named(code, &["protocol", "ranges"]);
        let rooms: Vec<_> = found.iter().map(|path| path[1].as_str()).collect();
        assert!(rooms.contains(&"client"), "{code}: {found:?}");
    }
    for code in [
        "use crate::protocol::Step;",
        "use super::Step;",
        "#[cfg(test)] mod tests { use crate::client::Transport; }",
        "// use crate::client;\nfn f() { let client = 1; }",
    ] {
        let found = named(code, &["protocol", "ranges"]);
        let client = |path: &Names| path.get(1).is_some_and(|room| room == "client");
        assert!(!found.iter().any(client), "{code}: {found:?}");
    }
    let circular = BTreeMap::from([
        ("a".to_owned(), BTreeSet::from(["b".to_owned()])),
        ("b".to_owned(), BTreeSet::from(["c".to_owned()])),
        ("c".to_owned(), BTreeSet::from(["a".to_owned()])),
    ]);
    assert!(circle(&circular).is_some());
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn forbidden(arrows: &BTreeMap<String, BTreeSet<String>>, rules: Rules) -> Vec<String> {
    let rooms: Vec<_> = rules.iter().map(|(room, _)| *room).collect();
    let allowed = |room: &str| {
        rules
            .iter()
            .find(|(name, _)| *name == room)
            .map(|(_, to)| *to)
    };
    arrows
        .iter()
        .filter(|(room, _)| rooms.contains(&room.as_str()))
        .flat_map(|(room, to)| to.iter().map(move |to| (room, to)))
        .filter(|(_, to)| rooms.contains(&to.as_str()))
        .filter(|(room, to)| !allowed(room).is_some_and(|all| all.contains(&to.as_str())))
        .map(|(room, to)| format!("{room} → {to}"))
        .collect()
}

/// A room from which a walk along the arrows comes back. Files at the root belong to no room.
fn circle(arrows: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    arrows
        .keys()
        .filter(|room| *room != "data")
        .find_map(|start| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
            while let Some(room) = next.pop() {
                let to = arrows.get(room).into_iter().flatten();
                for to in to.filter(|to| *to != "data") {
                    if to == start {
                        return Some(format!("{start} … {room} → {start}"));
                    }
                    if seen.insert(to) {
                        next.push(to);
                    }
                }
            }
            None
        })
}

/// For each room of a crate, the other rooms that it names.
fn arrows(src: &Path, rules: Rules) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // A file at the root without a rule of its own is data.
    let room = |name: &str| {
        let known = src.join(name).is_dir() || rules.iter().any(|(room, _)| *room == name);
        if known { name } else { "data" }.to_owned()
    };
    for (_, from, path) in paths(src) {
        let (from, to) = match path.as_slice() {
            [first, to, ..] if first == "crate" => (room(&from), room(to)),
            _ => continue,
        };
        if to != from {
            all.entry(from).or_default().insert(to);
        }
    }
    all
}

/// Every path that the crate's files name: the file, its folder or file at the root, the path. `lib.rs` and
/// `main.rs`, which put the rooms together, are left out.
fn paths(src: &Path) -> Vec<(String, String, Names)> {
    let mut all = Vec::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            if file.is_dir() {
                if name != "tests" {
                    folders.push(file);
                }
                continue;
            }
            // Old records are kept beside the code that reads them.
            if file.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let inside = file.strip_prefix(src).unwrap().with_extension("");
            let mut module: Vec<&str> = inside.iter().map(|part| part.to_str().unwrap()).collect();
            if name == "tests" || matches!(module[..], ["lib" | "main"]) {
                continue;
            }
            let room = module[0].to_owned();
            if name == "mod" {
                module.pop();
            }
            let text = fs::read_to_string(&file).unwrap();
            for path in named(&text, &module) {
                all.push((file.display().to_string(), room.clone(), path));
            }
        }
    }
    assert!(!all.is_empty());
    all
}

/// The paths that code in `module` names, absolute.
fn named(code: &str, module: &[&str]) -> Vec<Names> {
    let mut walk = Walk {
        module: module.iter().map(|part| (*part).to_owned()).collect(),
        found: Vec::new(),
    };
    walk.visit_file(&syn::parse_file(code).unwrap());
    walk.found
}

struct Walk {
    /// Where the code stands, from the crate's root.
    module: Names,
    found: Vec<Names>,
}

impl Walk {
    /// Notes a path, with `self` and `super` worked out.
    fn note(&mut self, path: &[String]) {
        let mut absolute = vec!["crate".to_owned()];
        match path.first().map(String::as_str) {
            Some("crate") => {}
            Some("self" | "super") => absolute.extend(self.module.iter().cloned()),
            Some(_) => absolute.clear(),
            None => return,
        }
        for part in path {
            match part.as_str() {
                "crate" => absolute.truncate(1),
                "self" => {}
                "super" => drop(absolute.pop()),
                _ => absolute.push(part.clone()),
            }
        }
        self.found.push(absolute);
    }

    fn tree(&mut self, before: &mut Names, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(before, &path.tree);
                before.pop();
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.tree(before, tree))
            }
            syn::UseTree::Name(syn::UseName { ident })
            | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                before.push(ident.to_string());
                self.note(before);
                before.pop();
            }
            syn::UseTree::Glob(_) => self.note(before),
        }
    }

    /// Macros are not parsed: every run of names and `::` in them counts.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Names::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) if colons == 2 && !path.is_empty() => {
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.macro_path(&mut path);
                    colons = 0;
                    match other {
                        TokenTree::Ident(ident) => path.push(ident.to_string()),
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        _ => {}
                    }
                }
            }
        }
        self.macro_path(&mut path);
    }

    fn macro_path(&mut self, path: &mut Names) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.note(&path);
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|name| name == "test")
    })
}

impl<'a> Visit<'a> for Walk {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !is_test(&item.attrs) {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.tree(&mut Names::new(), &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names: Names = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        if names.len() > 1 {
            self.note(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'a syn::Macro) {
        self.tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }
}
