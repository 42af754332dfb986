//! Where a path leads: to a module or an item of the crate, or outside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::source::{self, Mention, Module, Names, Place};

/// The crate as it stands in `src`, parsed once.
pub(super) static CRATE: LazyLock<Crate> = LazyLock::new(|| {
    let files = source::files_below("src");
    Crate::of(&files.into_iter().map(|(file, text)| (file.trim_start_matches("src/").to_owned(), text)).collect())
});

pub(super) struct Crate {
    pub modules: Vec<Module>,
    by_path: BTreeMap<Names, usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Module(usize),
    /// What the module defines itself: a `use` is followed to the definition.
    Item {
        module: usize,
        name: String,
    },
    /// A path of another crate, in full.
    Outside(Names),
}

/// Where one path leads, with the modules it goes through on its way.
pub(super) struct Resolved {
    pub targets: BTreeSet<Target>,
    pub through: BTreeSet<usize>,
}

impl Crate {
    /// `files` by their path below `src`.
    pub fn of(files: &BTreeMap<String, String>) -> Self {
        let modules = source::modules(files);
        let by_path = modules.iter().enumerate().map(|(at, module)| (module.path.clone(), at)).collect();
        Self { modules, by_path }
    }

    /// Where `path` leads when it stands in a `use` of module `from`.
    pub fn import(&self, from: usize, path: &[String]) -> Resolved {
        let mut way = Way { house: self, seen: BTreeSet::new(), through: BTreeSet::new() };
        let targets = way.follow(from, path);
        Resolved { targets, through: way.through }
    }

    /// Where a path leads that stands in the code of module `from`.
    pub fn mention(&self, from: usize, mention: &Mention) -> Resolved {
        let mut found = self.import(from, &mention.path);
        if mention.path.len() == 1 && mention.place != Place::Attribute {
            // A module alone is no value: this is a variable of the same name.
            found.targets.retain(|target| !matches!(target, Target::Module(_)));
        }
        if mention.path.len() == 1 && mention.place == Place::MacroCall {
            let outer = |at: usize| self.parent(at).filter(|_| !self.modules[at].items.contains(&mention.path[0]));
            if let Some(module) = std::iter::successors(Some(from), |at| outer(*at))
                .find(|at| self.modules[*at].items.contains(&mention.path[0]))
            {
                found.targets = BTreeSet::from([Target::Item { module, name: mention.path[0].clone() }]);
            }
        }
        found
    }

    fn parent(&self, module: usize) -> Option<usize> {
        let (_, above) = self.modules[module].path.split_last()?;
        self.by_path.get(above).copied()
    }

    fn child(&self, module: usize, name: &str) -> Option<usize> {
        let path: Names = self.modules[module].path.iter().cloned().chain([name.to_owned()]).collect();
        self.by_path.get(&path).copied()
    }
}

struct Way<'a> {
    house: &'a Crate,
    /// What was asked before: `use` items may lead to each other.
    seen: BTreeSet<(usize, Names)>,
    through: BTreeSet<usize>,
}

impl Way<'_> {
    fn follow(&mut self, from: usize, path: &[String]) -> BTreeSet<Target> {
        if !self.seen.insert((from, path.to_vec())) {
            return BTreeSet::new();
        }
        match path.first().map(String::as_str) {
            Some("crate") => self.below(self.house.by_path[&Names::new()], &path[1..]),
            Some("self") => self.below(from, &path[1..]),
            Some("super") => self.below(from, path),
            Some("") => BTreeSet::from([Target::Outside(path[1..].to_vec())]),
            _ => {
                let found = self.below(from, path);
                if found.is_empty() { BTreeSet::from([Target::Outside(path.to_vec())]) } else { found }
            }
        }
    }

    /// What `path` is among the names of `module`.
    fn below(&mut self, module: usize, path: &[String]) -> BTreeSet<Target> {
        let Some((name, rest)) = path.split_first() else { return BTreeSet::from([Target::Module(module)]) };
        if name == "super" {
            let parent = self.house.parent(module).expect("`super` stays inside the crate");
            return self.below(parent, rest);
        }
        self.through.insert(module);
        let mut found = BTreeSet::new();
        if let Some(child) = self.house.child(module, name) {
            found.append(&mut self.below(child, rest));
            if !rest.is_empty() && !found.is_empty() {
                return found;
            }
        }
        let here = &self.house.modules[module];
        if here.items.contains(name) {
            found.insert(Target::Item { module, name: name.clone() });
        }
        for import in here.imports.iter().filter(|import| import.name.as_ref() == Some(name)) {
            let path: Names = import.path.iter().chain(rest).cloned().collect();
            found.append(&mut self.follow(module, &path));
        }
        if found.is_empty() {
            for glob in here.imports.iter().filter(|import| import.name.is_none()) {
                for target in self.follow(module, &glob.path) {
                    if let Target::Module(module) = target {
                        found.append(&mut self.below(module, path));
                    }
                }
            }
        }
        found
    }
}

mod tests {
    use super::*;

    fn house(files: &[(&str, &str)]) -> Crate {
        Crate::of(&files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect())
    }

    /// What the code of a module leads to, tests aside.
    fn leads_to(house: &Crate, file: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (at, module) in house.modules.iter().enumerate().filter(|(_, module)| module.file == file && !module.tests)
        {
            let imports = module.imports.iter().map(|import| house.import(at, &import.path));
            let mentions = module.mentions.iter().map(|mention| house.mention(at, mention));
            for target in imports.chain(mentions).flat_map(|resolved| resolved.targets) {
                found.insert(match target {
                    Target::Module(module) => house.modules[module].path.join("::"),
                    Target::Item { module, name } => format!("{}::{name}", house.modules[module].path.join("::")),
                    Target::Outside(path) => format!("outside {}", path.join("::")),
                });
            }
        }
        found
    }

    #[test]
    fn names_of_modules_further_out_are_seen() {
        let house = house(&[
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "mod inner;"),
            ("a/inner.rs", "fn f() { super::super::b::called(); self::g(); } fn g() {}"),
            ("b.rs", "pub fn called() {}"),
        ]);
        assert_eq!(leads_to(&house, "a/inner.rs"), ["a::inner::g", "b::called"].map(String::from).into());
    }

    #[test]
    fn every_name_of_a_nested_use_is_seen() {
        let house = house(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::{self, one::{First, deeper::{Second as Other}}};"),
            ("b/mod.rs", "pub mod one;"),
            ("b/one.rs", "pub struct First; pub mod deeper { pub struct Second; }"),
        ]);
        let expected = ["b", "b::one::First", "b::one::deeper::Second"];
        assert_eq!(leads_to(&house, "a.rs"), expected.map(String::from).into());
    }

    #[test]
    fn a_test_module_does_not_hide_what_follows_it() {
        let house = house(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "#[cfg(test)]\nmod tests { use crate::b::hidden; }\nfn f() { crate::b::called(); }"),
            ("b.rs", "pub fn called() {} pub fn hidden() {}"),
        ]);
        assert_eq!(leads_to(&house, "a.rs"), ["b::called".to_owned()].into());
    }

    #[test]
    fn what_only_tests_compile_is_no_use() {
        let house = house(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "#[cfg(test)] mod below; struct A; impl A { #[cfg(test)] fn f() { crate::b::called(); } }"),
            ("a/below.rs", "use crate::b::called;"),
            ("b.rs", "#[cfg(test)] pub fn called() { crate::a::A; }"),
        ]);
        assert_eq!(leads_to(&house, "a.rs"), ["a::A".to_owned()].into());
        assert!(leads_to(&house, "a/below.rs").is_empty());
        assert!(leads_to(&house, "b.rs").is_empty());
    }

    #[test]
    fn a_name_is_followed_through_re_exports_to_its_definition() {
        let house = house(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::Thing; use crate::b::*; fn f() { Spread::new(); }"),
            ("b/mod.rs", "mod thing; pub use thing::Thing; pub use self::thing::Spread;"),
            ("b/thing.rs", "pub struct Thing; pub struct Spread;"),
        ]);
        let expected = ["b", "b::thing::Spread", "b::thing::Thing"];
        assert_eq!(leads_to(&house, "a.rs"), expected.map(String::from).into());
    }

    #[test]
    fn the_arguments_of_macros_and_attributes_are_read() {
        let house = house(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "#[serde(with = \"crate::b::wire\")] struct A; fn f() { m!({ crate::b::called() }, x.hidden); }"),
            ("b.rs", "pub mod wire {} pub fn called() {} pub fn hidden() {}"),
        ]);
        let found = leads_to(&house, "a.rs");
        assert!(found.contains("b::wire") && found.contains("b::called"), "{found:?}");
    }

    #[test]
    fn a_path_of_another_crate_is_given_in_full() {
        let house = house(&[
            ("lib.rs", "mod a;"),
            ("a.rs", "use std::{fs, time::{Instant}}; fn f() { Instant::now(); fs::read(); ::tokio::spawn(); }"),
        ]);
        let found = leads_to(&house, "a.rs");
        for path in ["std::time::Instant::now", "std::fs::read", "tokio::spawn"] {
            assert!(found.contains(&format!("outside {path}")), "{path} in {found:?}");
        }
    }

    #[test]
    fn a_macro_of_a_module_further_out_is_seen_without_a_use() {
        let house = house(&[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "macro_rules! row { () => {} } mod inner;"),
            ("a/inner.rs", "fn f() { row!(); }"),
        ]);
        assert_eq!(leads_to(&house, "a/inner.rs"), ["a::row".to_owned()].into());
    }

    #[test]
    fn a_variable_with_the_name_of_a_module_is_no_use() {
        let house = house(&[
            ("lib.rs", "mod a; mod labels;"),
            ("a.rs", "use crate::labels; fn f() { let labels = 1; labels; }"),
            ("labels.rs", ""),
        ]);
        let at = house.modules.iter().position(|module| module.file == "a.rs").unwrap();
        let mention = house.modules[at].mentions.iter().find(|mention| mention.path == ["labels"]).unwrap();
        assert!(house.mention(at, mention).targets.is_empty());
    }
}
