//! Rust source as far as the house rules need it: identifiers and punctuation with their
//! lines, comments apart, the insides of literals left out.
//!
//! It is no compiler: macros are read as they are written, and text that does not lex
//! comes out as something. What rustc refuses never gets here.

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Ident(String),
    /// `::` is one; all others are single characters.
    Punct(&'static str),
    Other(char),
    Literal,
}

#[derive(Debug, Default)]
pub struct Source {
    /// With their lines, from 1.
    pub tokens: Vec<(Token, usize)>,
    /// Each line of each comment.
    pub comments: Vec<(String, usize)>,
}

impl Source {
    pub fn read(text: &str) -> Self {
        let mut reader = Reader {
            rest: text.chars().collect(),
            at: 0,
            line: 1,
            source: Self::default(),
        };
        while reader.step() {}
        reader.source
    }

    pub fn is_ident(&self, place: usize, name: &str) -> bool {
        matches!(self.tokens.get(place), Some((Token::Ident(ident), _)) if ident == name)
    }

    pub fn ident(&self, place: usize) -> Option<&str> {
        match self.tokens.get(place) {
            Some((Token::Ident(ident), _)) => Some(ident),
            _ => None,
        }
    }

    pub fn is_path_separator(&self, place: usize) -> bool {
        matches!(self.tokens.get(place), Some((Token::Punct("::"), _)))
    }

    pub fn is(&self, place: usize, wanted: char) -> bool {
        matches!(self.tokens.get(place), Some((Token::Other(c), _)) if *c == wanted)
    }

    pub fn line(&self, place: usize) -> usize {
        self.tokens.get(place).map_or(0, |(_, line)| *line)
    }

    /// The names of the inline modules around each token, outermost first.
    pub fn inline_modules(&self) -> Vec<Vec<String>> {
        let mut around: Vec<(String, usize)> = Vec::new();
        let mut depth = 0;
        let mut all = Vec::with_capacity(self.tokens.len());
        for place in 0..self.tokens.len() {
            if self.is(place, '{') {
                depth += 1;
                if place >= 2 && self.is_ident(place - 2, "mod") {
                    let name = self.ident(place - 1).unwrap_or_default();
                    around.push((name.to_owned(), depth));
                }
            }
            all.push(around.iter().map(|(name, _)| name.clone()).collect());
            if self.is(place, '}') {
                if around.last().is_some_and(|(_, inside)| *inside == depth) {
                    around.pop();
                }
                depth = depth.saturating_sub(1);
            }
        }
        all
    }
}

struct Reader {
    rest: Vec<char>,
    at: usize,
    line: usize,
    source: Source,
}

impl Reader {
    fn peek(&self, ahead: usize) -> char {
        self.rest.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn bump(&mut self) -> char {
        let c = self.peek(0);
        if c == '\n' {
            self.line += 1;
        }
        self.at += 1;
        c
    }

    fn push(&mut self, token: Token, line: usize) {
        self.source.tokens.push((token, line));
    }

    fn step(&mut self) -> bool {
        if self.at >= self.rest.len() {
            return false;
        }
        let line = self.line;
        match (self.peek(0), self.peek(1)) {
            (c, _) if c.is_whitespace() => {
                self.bump();
            }
            ('/', '/') => self.line_comment(),
            ('/', '*') => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.quote(),
            (':', ':') => {
                self.at += 2;
                self.push(Token::Punct("::"), line);
            }
            (c, _) if c.is_alphabetic() || c == '_' => self.word(),
            (c, _) if c.is_ascii_digit() => {
                while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
                    self.bump();
                }
                self.push(Token::Literal, line);
            }
            (c, _) => {
                self.bump();
                self.push(Token::Other(c), line);
            }
        }
        true
    }

    fn line_comment(&mut self) {
        let mut text = String::new();
        let line = self.line;
        while self.at < self.rest.len() && self.peek(0) != '\n' {
            text.push(self.bump());
        }
        self.source.comments.push((text, line));
    }

    fn block_comment(&mut self) {
        let mut text = String::new();
        let mut depth = 0;
        while self.at < self.rest.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                ('\n', _) => {
                    let ended = std::mem::take(&mut text);
                    self.source.comments.push((ended, self.line));
                    self.bump();
                    continue;
                }
                _ => {
                    text.push(self.bump());
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                break;
            }
        }
        self.source.comments.push((text, self.line));
    }

    fn string(&mut self) {
        let line = self.line;
        self.bump();
        while self.at < self.rest.len() {
            match self.bump() {
                '\\' => {
                    self.bump();
                }
                '"' => break,
                _ => {}
            }
        }
        self.push(Token::Literal, line);
    }

    /// A character or a lifetime.
    fn quote(&mut self) {
        let line = self.line;
        self.bump();
        if self.peek(0) != '\\' && self.peek(1) != '\'' {
            while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
                self.bump();
            }
            return;
        }
        if self.bump() == '\\' {
            self.bump();
        }
        while self.at < self.rest.len() && self.bump() != '\'' {}
        self.push(Token::Literal, line);
    }

    /// An identifier, or the prefix of a literal (`b"`, `r#"`, `b'`).
    fn word(&mut self) {
        let line = self.line;
        let mut word = String::new();
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            word.push(self.bump());
        }
        match (word.as_str(), self.peek(0)) {
            ("r" | "br" | "cr", '"' | '#') => self.raw(),
            ("b" | "c", '"') => self.string(),
            ("b", '\'') => self.quote(),
            _ => self.push(Token::Ident(word), line),
        }
    }

    /// What follows an `r`: a raw string, or the name of a raw identifier.
    fn raw(&mut self) {
        let line = self.line;
        let mut hashes = 0;
        while self.peek(0) == '#' {
            self.bump();
            hashes += 1;
        }
        if self.peek(0) != '"' {
            return;
        }
        self.bump();
        while self.at < self.rest.len() {
            if self.bump() == '"' && (0..hashes).all(|ahead| self.peek(ahead) == '#') {
                self.at += hashes;
                break;
            }
        }
        self.push(Token::Literal, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idents(text: &str) -> Vec<String> {
        let tokens = Source::read(text).tokens.into_iter();
        let idents = tokens.filter_map(|(token, _)| match token {
            Token::Ident(ident) => Some(ident),
            _ => None,
        });
        idents.collect()
    }

    #[test]
    fn what_stands_in_literals_and_comments_is_no_code() {
        let text = r###"
            a /* b /* c */ d */ e // f
            "g \" h" 'i' '\'' b"j" r#"k " l"# br"m" n
        "###;
        assert_eq!(idents(text), ["a", "e", "n"]);
    }

    #[test]
    fn lifetimes_swallow_nothing() {
        assert_eq!(
            idents("fn f<'a>(x: &'a str, y: char) { y == 'x' || z('\\u{1F600}') }"),
            ["fn", "f", "x", "str", "y", "char", "y", "z"]
        );
    }

    #[test]
    fn comments_keep_their_lines() {
        let source = Source::read("one\n// two\n/* three\nfour */ five");
        let lines: Vec<_> = source.comments.iter().map(|(_, line)| *line).collect();
        assert_eq!(lines, [2, 3, 4]);
        assert_eq!(source.line(1), 4);
    }

    #[test]
    fn inline_modules_are_known_by_their_braces() {
        let source = Source::read("mod a { fn b() { c } mod d { e } } f");
        let modules = source.inline_modules();
        let around = |name: &str| {
            let place = (0..source.tokens.len()).find(|place| source.is_ident(*place, name));
            place.map(|place| modules[place].join("::"))
        };
        assert_eq!(around("c"), Some("a".to_owned()));
        assert_eq!(around("e"), Some("a::d".to_owned()));
        assert_eq!(around("f"), Some(String::new()));
    }
}
