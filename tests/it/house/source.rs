//! The modules of the crate as they are written: what each defines, imports and names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemUse, Macro, Meta, UseTree, Visibility};

use super::tokens::{paths_in, texts_in};

/// A path as it is written, one name each; an empty first name stands for a leading `::`.
pub(super) type Names = Vec<String>;

pub(super) struct Module {
    /// The names from the root of the crate to here.
    pub path: Names,
    /// The file that holds it, below `src`.
    pub file: String,
    /// Whether only tests compile it.
    pub tests: bool,
    /// The names it defines, other than modules.
    pub items: BTreeSet<String>,
    pub imports: Vec<Import>,
    pub mentions: Vec<Mention>,
}

/// One name that a `use` brings in, wherever in the module it stands.
pub(super) struct Import {
    /// What the name is here; `None` stands for `*`.
    pub name: Option<String>,
    pub path: Names,
    /// Whether the `use` is itself visible to others.
    pub exported: bool,
}

/// A path in the code.
pub(super) struct Mention {
    pub path: Names,
    pub place: Place,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    Code,
    /// The name of a macro that is called: it may be defined further out, without a `use`.
    MacroCall,
    /// The argument of an attribute such as `#[serde(with = "…")]`, which may name a module.
    Attribute,
}

/// The Rust files of a folder of the package, by their path below the package.
pub(super) fn files_below(folder: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    let mut folders: Vec<PathBuf> = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// Every module that `lib.rs` leads to. `files` are by their path below `src`.
pub(super) fn modules(files: &BTreeMap<String, String>) -> Vec<Module> {
    let mut read = Vec::new();
    let root = Unread { path: Vec::new(), file: "lib.rs".to_owned(), tests: false };
    read_file(root, files, &mut read);
    let unread: Vec<&String> =
        files.keys().filter(|file| *file != "main.rs" && !read.iter().any(|module| module.file == **file)).collect();
    assert!(unread.is_empty(), "no `mod` leads to {unread:?}");
    read
}

/// A module before it is read.
struct Unread {
    path: Names,
    file: String,
    tests: bool,
}

fn read_file(place: Unread, files: &BTreeMap<String, String>, read: &mut Vec<Module>) {
    let file = &place.file;
    let parsed = syn::parse_file(&files[file]).unwrap_or_else(|error| panic!("{file}: {error}"));
    read_module(place, &parsed.items, files, read);
}

fn read_module(place: Unread, items: &[Item], files: &BTreeMap<String, String>, read: &mut Vec<Module>) {
    let Unread { path, file, tests } = place;
    let module = Module { path, file, tests, items: BTreeSet::new(), imports: Vec::new(), mentions: Vec::new() };
    let mut reader = Reader { module, depth: 0, files, read };
    for item in items {
        reader.visit_item(item);
    }
    let module = reader.module;
    read.push(module);
}

struct Reader<'a> {
    module: Module,
    /// How many items the current one is inside of: those of a function are not names of the module.
    depth: usize,
    files: &'a BTreeMap<String, String>,
    /// Where the modules go that are found inside.
    read: &'a mut Vec<Module>,
}

impl Reader<'_> {
    fn mention(&mut self, path: Names, place: Place) {
        if path.first().is_some_and(|first| first != "Self") {
            self.module.mentions.push(Mention { path, place });
        }
    }

    fn inner_module(&mut self, item: &syn::ItemMod) {
        let path: Names = self.module.path.iter().cloned().chain([item.ident.to_string()]).collect();
        let tests = self.module.tests || only_tests(&item.attrs);
        if let Some((_, items)) = &item.content {
            let inner = Unread { path, file: self.module.file.clone(), tests };
            return read_module(inner, items, self.files, self.read);
        }
        let stem = path.join("/");
        let file = [format!("{stem}.rs"), format!("{stem}/mod.rs")]
            .into_iter()
            .find(|file| self.files.contains_key(file))
            .unwrap_or_else(|| panic!("{}: no file for {stem}", self.module.file));
        read_file(Unread { path, file, tests }, self.files, self.read);
    }

    fn import(&mut self, tree: &UseTree, before: &Names, exported: bool) {
        let with = |name: &syn::Ident| -> Names { before.iter().cloned().chain([name.to_string()]).collect() };
        let (name, path) = match tree {
            UseTree::Path(path) => return self.import(&path.tree, &with(&path.ident), exported),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, exported);
                }
                return;
            }
            UseTree::Glob(_) => (None, before.clone()),
            UseTree::Name(name) if name.ident == "self" => (before.last().cloned(), before.clone()),
            UseTree::Name(name) => (Some(name.ident.to_string()), with(&name.ident)),
            UseTree::Rename(rename) if rename.ident == "self" => (Some(rename.rename.to_string()), before.clone()),
            UseTree::Rename(rename) => (Some(rename.rename.to_string()), with(&rename.ident)),
        };
        self.module.imports.push(Import { name, path, exported });
    }

    fn arguments(&mut self, tokens: &TokenStream) {
        for path in paths_in(tokens) {
            self.mention(path, Place::Attribute);
        }
        for text in texts_in(tokens) {
            if let Ok(path) = syn::parse_str::<syn::Path>(&text) {
                self.mention(names_of(&path), Place::Attribute);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if let Item::Mod(module) = item {
            assert!(self.depth == 0, "{}: a module inside a function", self.module.file);
            return self.inner_module(module);
        }
        let (attributes, name) = described(item);
        // In a test module everything is a test's.
        if only_tests(attributes) && !self.module.tests {
            return;
        }
        if let Some(name) = name.filter(|_| self.depth == 0) {
            self.module.items.insert(name.to_string());
        }
        self.depth += 1;
        visit::visit_item(self, item);
        self.depth -= 1;
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            _ => &[],
        };
        if self.module.tests || !only_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let root = if item.leading_colon.is_some() { vec![String::new()] } else { Vec::new() };
        self.import(&item.tree, &root, !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.mention(names_of(path), Place::Code);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.mention(names_of(&call.path), Place::MacroCall);
        for path in paths_in(&call.tokens) {
            self.mention(path, Place::Code);
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        assert!(
            self.module.tests || !only_tests(std::slice::from_ref(attribute)),
            "{}: `#[cfg(test)]` on something other than an item",
            self.module.file
        );
        match &attribute.meta {
            Meta::Path(path) => self.mention(names_of(path), Place::Attribute),
            Meta::List(list) => {
                self.mention(names_of(&list.path), Place::Attribute);
                self.arguments(&list.tokens);
            }
            Meta::NameValue(_) => {}
        }
    }
}

/// The attributes of an item, and the name that it gives to its module.
fn described(item: &Item) -> (&[Attribute], Option<&syn::Ident>) {
    match item {
        Item::Const(item) => (&item.attrs, Some(&item.ident)),
        Item::Enum(item) => (&item.attrs, Some(&item.ident)),
        Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
        Item::Impl(item) => (&item.attrs, None),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
        Item::Static(item) => (&item.attrs, Some(&item.ident)),
        Item::Struct(item) => (&item.attrs, Some(&item.ident)),
        Item::Trait(item) => (&item.attrs, Some(&item.ident)),
        Item::Type(item) => (&item.attrs, Some(&item.ident)),
        Item::Use(item) => (&item.attrs, None),
        _ => panic!("a kind of item that the test of the house does not know yet"),
    }
}

fn only_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        matches!(&attribute.meta, Meta::List(list) if list.path.is_ident("cfg") && list.tokens.to_string() == "test")
    })
}

fn names_of(path: &syn::Path) -> Names {
    let root = path.leading_colon.as_ref().map(|_| String::new());
    root.into_iter().chain(path.segments.iter().map(|segment| segment.ident.to_string())).collect()
}
