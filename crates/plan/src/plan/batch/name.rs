//! The names of results, and globs over names.

use crate::format::codec::Codec;
use crate::foundation::{Code, Error, Fact, Result};
use crate::oci::ImageName;

/// What `--name` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

/// The placeholders of a pattern.
const PLACEHOLDERS: [&str; 5] = ["{file}", "{repository}", "{name}", "{tag}", "{digest}"];

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// `usage.argument` for a placeholder that does not exist.
    pub fn parse(text: &str) -> Result<Self> {
        let rest = PLACEHOLDERS.iter().fold(text.to_owned(), |rest, placeholder| rest.replace(placeholder, ""));
        if rest.contains(['{', '}']) || text.is_empty() {
            return Err(Error::new(Code::UsageArgument, "this is not a pattern for names")
                .expected(Fact::new(format!("text with {}", PLACEHOLDERS.join(", ")), "--name"))
                .found(Fact::new(text, "the command line")));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name of the result of an image called `name` in the file or directory `file`. The tag of an image without a name is
    /// `latest`; where a name has a digest instead of a tag, the beginning of that stands for it.
    ///
    /// # Errors
    /// `output.tag` where the pattern takes the repository of an image whose name has none.
    pub fn apply(&self, file: &str, name: Option<&str>, digest: &str) -> Result<String> {
        let parts = ImageName::parse(name.unwrap_or_default());
        if parts.short_repository().is_empty() && ["{repository}", "{name}"].into_iter().any(|part| self.0.contains(part)) {
            return Err(Error::new(Code::OutputTag, "the pattern takes the repository of an image whose name has none")
                .expected(Fact::new(&self.0, "--name"))
                .found(Fact::new(name.unwrap_or("no name"), "index.json"))
                .hint("Leave such images out with --only, or make their names of {file}, {tag} and {digest}."));
        }
        let tag = parts.tag.filter(|tag| !tag.is_empty()).unwrap_or(if parts.digest.is_some() { digest } else { "latest" });
        Ok(self
            .0
            .replace("{file}", stem(file))
            .replace("{repository}", parts.repository)
            .replace("{name}", parts.short_repository())
            .replace("{tag}", tag)
            .replace("{digest}", digest))
    }
}

/// The name of a file without the ending of an archive.
fn stem(file: &str) -> &str {
    let name = file.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    Codec::of_archive(name).map_or(name, |(_, stem)| stem)
}

/// Whether `pattern` stands for all of `text`: `*` is any text, `?` one character.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // The last star, and how much of the text it has taken: going back to it is enough, whatever stood before.
    let (mut at, mut done) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = text.get(done) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, done));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => {
                at += 1;
                done += 1;
            }
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    at = place + 1;
                    done = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn patterns_make_names() {
        let name = |pattern: &str, image| {
            Pattern::parse(pattern).unwrap().apply("in/shop-1.tar.gz", image, "abc").unwrap_or_else(|error| error.code().slug().to_owned())
        };
        assert_eq!(name("{file}:{tag}", Some("registry.example/a/b:7")), "shop-1:7");
        assert_eq!(name("{file}:{tag}", None), "shop-1:latest");
        assert_eq!(name("{repository}:{tag}", Some("q.io/a@sha256:00")), "q.io/a:abc");
        assert_eq!(name("site/{name}:{tag}-{digest}", Some("registry.example/a/b:7")), "site/b:7-abc");
        assert_eq!(name("{repository}:new", Some("registry.example/a/b:7")), "registry.example/a/b:new");
        for image in [None, Some("latest"), Some(DIGEST)] {
            assert_eq!(name("site/{name}:{tag}", image), "output.tag", "{image:?}");
            assert_eq!(name("{repository}:{tag}", image), "output.tag", "{image:?}");
        }
        for wrong in ["", "{files}:{tag}", "{tag", "}"] {
            assert_eq!(Pattern::parse(wrong).unwrap_err().code(), Code::UsageArgument, "{wrong}");
        }
    }

    #[test]
    fn globs_match_whole_names() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("*/shop:*", "registry.example/shop:1.4", true),
            ("*/shop:*", "registry.example/shops:1.4", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("v?", "v1", true),
            ("v?", "v12", false),
            ("ä*", "äpfel", true),
            ("", "x", false),
            ("**", "x", true),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }
}
