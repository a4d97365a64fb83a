//! A Rust file as the rules look at it: its syntax tree, and its tokens in one row for what the
//! tree does not show (the insides of macros).

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::Violation;

/// One token, without what is inside a literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Ident(String),
    /// A punctuation character, or a bracket.
    Mark(char),
    Literal,
}

/// A file that parses.
pub struct Source<'a> {
    /// From the root of the repository.
    pub file: &'a str,
    pub text: &'a str,
    pub tree: syn::File,
    /// Every token with its line, from 1; groups are opened and closed by their brackets.
    pub tokens: Vec<(Token, usize)>,
}

impl<'a> Source<'a> {
    /// # Errors
    /// When the text is not Rust: where, and what the parser says.
    pub fn read(file: &'a str, text: &'a str) -> Result<Self, Violation> {
        let failed = |error: &syn::Error| {
            Violation::new(
                file,
                error.span().start().line,
                format!("does not parse: {error}"),
            )
        };
        let stream: TokenStream = text.parse().map_err(|e| failed(&syn::Error::from(e)))?;
        let tree = syn::parse_file(text).map_err(|e| failed(&e))?;
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        Ok(Self {
            file,
            text,
            tree,
            tokens,
        })
    }

    pub fn is_ident(&self, place: usize, name: &str) -> bool {
        matches!(self.tokens.get(place), Some((Token::Ident(ident), _)) if ident == name)
    }

    pub fn is_mark(&self, place: usize, wanted: char) -> bool {
        matches!(self.tokens.get(place), Some((Token::Mark(mark), _)) if *mark == wanted)
    }

    pub fn is_path_separator(&self, place: usize) -> bool {
        self.is_mark(place, ':') && self.is_mark(place + 1, ':')
    }

    pub fn line(&self, place: usize) -> usize {
        self.tokens.get(place).map_or(0, |(_, line)| *line)
    }
}

/// Puts the tokens of a tree in one row.
pub fn flatten(stream: TokenStream, row: &mut Vec<(Token, usize)>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Ident(ident) => row.push((Token::Ident(ident.to_string()), line)),
            TokenTree::Punct(punct) => row.push((Token::Mark(punct.as_char()), line)),
            TokenTree::Literal(_) => row.push((Token::Literal, line)),
            TokenTree::Group(group) => {
                let brackets = match group.delimiter() {
                    Delimiter::Parenthesis => Some(('(', ')')),
                    Delimiter::Brace => Some(('{', '}')),
                    Delimiter::Bracket => Some(('[', ']')),
                    Delimiter::None => None,
                };
                if let Some((open, _)) = brackets {
                    row.push((Token::Mark(open), line));
                }
                flatten(group.stream(), row);
                if let Some((_, close)) = brackets {
                    row.push((Token::Mark(close), group.span_close().start().line));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_literals_and_comments_is_no_code() {
        let text = "fn f() -> &'static str { /* unsafe */ \"unsafe\" } // unsafe";
        let Ok(source) = Source::read("a.rs", text) else {
            panic!("this parses")
        };
        assert!((0..source.tokens.len()).all(|place| !source.is_ident(place, "unsafe")));
    }

    #[test]
    fn a_token_knows_its_line() {
        let Ok(source) = Source::read("a.rs", "fn f() {\n    g::h(\n    );\n}") else {
            panic!("this parses")
        };
        let at = (0..source.tokens.len()).find(|&place| source.is_ident(place, "g"));
        let at = at.unwrap_or_default();
        assert_eq!(source.line(at), 2);
        assert!(source.is_path_separator(at + 1));
        assert_eq!(source.line(source.tokens.len() - 1), 4);
    }

    #[test]
    fn what_does_not_parse_is_told_with_its_line() {
        let refused = Source::read("a.rs", "fn f() {}\nfn fn").err();
        let told = refused
            .map(|violation| violation.to_string())
            .unwrap_or_default();
        assert!(told.starts_with("a.rs:2: does not parse"), "{told}");
    }
}
