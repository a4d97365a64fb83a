//! The paths of a file that lead into our own code, as places in the repository.
//!
//! A path (`crate::io::Disk`, `super::super::net`, `naru_wire::ErrorCode`) is followed to the
//! folder or file that it names. Names that came in by a `use` are seen there. The insides of
//! macros have no syntax tree: their paths are read from the tokens.

use proc_macro2::Ident;
use syn::visit::{self, Visit};

use crate::source::{Source, Token, flatten};

/// Our crates, as code names them, and where their modules lie.
const CRATES: [(&str, &str); 6] = [
    ("naru_bench", "bench-harness/src"),
    ("naru_broker", "broker/src"),
    ("naru_engine", "engine/src"),
    ("naru_record_batch", "engine/record-batch/src"),
    ("naru_runtime", "engine/runtime/src"),
    ("naru_wire", "broker/wire/src"),
];

/// A place in the repository that a file's path leads to, and the line that names it.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    pub target: String,
    pub line: usize,
}

/// Every import of a file.
pub fn of(source: &Source<'_>) -> Vec<Import> {
    let mut walk = Walk {
        file: source.file,
        inline: Vec::new(),
        found: Vec::new(),
    };
    walk.visit_file(&source.tree);
    walk.found
}

struct Walk<'a> {
    file: &'a str,
    /// The inline modules around what is looked at, outermost first.
    inline: Vec<String>,
    found: Vec<Import>,
}

impl Walk<'_> {
    fn note(&mut self, names: &[String], line: usize) {
        if let Some(target) = self.resolve(names) {
            self.found.push(Import { target, line });
        }
    }

    /// Where a path leads, if it begins in our own code.
    fn resolve(&self, names: &[String]) -> Option<String> {
        let first = names.first()?;
        let (mut steps, rest) = match first.as_str() {
            "crate" => (vec![own_crate(self.file)?], names.get(1..)?),
            "super" => {
                let supers = names.iter().take_while(|name| *name == "super").count();
                (self.above(supers)?, names.get(supers..)?)
            }
            _ => {
                let (_, folder) = CRATES.iter().find(|(name, _)| name == first)?;
                (vec![*folder], names.get(1..)?)
            }
        };
        steps.extend(rest.iter().map(String::as_str));
        Some(steps.join("/"))
    }

    /// The module that `supers` steps up lead to.
    fn above(&self, supers: usize) -> Option<Vec<&str>> {
        let root = own_crate(self.file)?;
        let module = self.file.strip_suffix(".rs").unwrap_or(self.file);
        let module = ["/mod", "/lib", "/main"]
            .iter()
            .find_map(|name| module.strip_suffix(name))
            .unwrap_or(module);
        let mut steps = vec![root];
        steps.extend(module.strip_prefix(root)?.split('/').skip(1));
        steps.extend(self.inline.iter().map(String::as_str));
        steps.truncate(steps.len().saturating_sub(supers).max(1));
        Some(steps)
    }

    fn follow_use(&mut self, tree: &syn::UseTree, before: &mut Vec<Ident>) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.clone());
                self.follow_use(&path.tree, before);
                before.pop();
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.follow_use(tree, before);
                }
            }
            syn::UseTree::Name(syn::UseName { ident })
            | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                before.push(ident.clone());
                self.note_idents(before);
                before.pop();
            }
            _ => self.note_idents(before),
        }
    }

    fn note_idents(&mut self, path: &[Ident]) {
        let names: Vec<String> = path.iter().map(Ident::to_string).collect();
        let line = path.last().map_or(0, |last| last.span().start().line);
        self.note(&names, line);
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.inline.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.inline.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.follow_use(&item.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let idents: Vec<Ident> = path.segments.iter().map(|s| s.ident.clone()).collect();
            self.note_idents(&idents);
        }
        visit::visit_path(self, path);
    }

    /// `pub(in super)` says who may see, and imports nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        let mut row = Vec::new();
        flatten(invoked.tokens.clone(), &mut row);
        let is_separator = |at: usize| {
            matches!(
                (row.get(at), row.get(at + 1)),
                (Some((Token::Mark(':'), _)), Some((Token::Mark(':'), _)))
            )
        };
        for start in 0..row.len() {
            if start >= 2 && is_separator(start - 2) {
                continue;
            }
            let mut names = Vec::new();
            let mut at = start;
            while let Some((Token::Ident(name), _)) = row.get(at) {
                names.push(name.clone());
                if !is_separator(at + 1) {
                    break;
                }
                at += 3;
            }
            if names.len() > 1 {
                self.note(&names, row.get(start).map_or(0, |(_, line)| *line));
            }
        }
        visit::visit_macro(self, invoked);
    }
}

fn own_crate(file: &str) -> Option<&'static str> {
    let folders = CRATES.into_iter().map(|(_, folder)| folder);
    folders
        .filter(|folder| {
            file.strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
        })
        .max_by_key(|folder| folder.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn targets(file: &str, text: &str) -> Vec<String> {
        let Ok(source) = Source::read(file, text) else {
            panic!("{text} parses")
        };
        of(&source)
            .into_iter()
            .map(|import| import.target)
            .collect()
    }

    #[test]
    fn a_tree_of_names_is_walked() {
        let text = "use crate::{io::{Disk, File as F}, log::{self, read::*}};";
        assert_eq!(
            targets("engine/src/ring.rs", text),
            [
                "engine/src/io/Disk",
                "engine/src/io/File",
                "engine/src/log/self",
                "engine/src/log/read"
            ]
        );
    }

    #[test]
    fn paths_in_types_expressions_and_macros_count() {
        let text = "fn f(a: crate::a::A) { crate::b::c(); assert!(naru_wire::D > 0, \"{}\", x); }";
        assert_eq!(
            targets("engine/src/ring.rs", text),
            ["engine/src/a/A", "engine/src/b/c", "broker/wire/src/D"]
        );
    }

    #[test]
    fn super_counts_inline_modules() {
        assert_eq!(
            targets("broker/src/memory.rs", "mod tests { use super::Budget; }"),
            ["broker/src/memory/Budget"]
        );
        assert_eq!(
            targets("broker/src/net/mod.rs", "use super::memory::Budget;"),
            ["broker/src/memory/Budget"]
        );
    }

    #[test]
    fn what_only_looks_like_an_import_is_none() {
        let text = "// crate::log\nconst A: &str = \"crate::log::Log\";\n\
                    pub(in crate::net) fn log() { std::mem::take(&mut x); }";
        assert!(targets("engine/src/ring.rs", text).is_empty());
    }
}
