//! Variables like `PATH`, which an image extends.

/// Variables that are lists of paths even where they hold only one.
const LISTS: [&str; 22] = [
    "CDPATH",
    "CLASSPATH",
    "CPATH",
    "CPLUS_INCLUDE_PATH",
    "C_INCLUDE_PATH",
    "ERL_LIBS",
    "GEM_PATH",
    "GI_TYPELIB_PATH",
    "GOPATH",
    "INFOPATH",
    "LD_LIBRARY_PATH",
    "LIBRARY_PATH",
    "MANPATH",
    "NODE_PATH",
    "PATH",
    "PERL5LIB",
    "PKG_CONFIG_PATH",
    "PYTHONPATH",
    "RUBYLIB",
    "R_LIBS",
    "XDG_CONFIG_DIRS",
    "XDG_DATA_DIRS",
];

/// Whether the variable is a list of paths. A name ending in `PATH` is not enough: `CHROME_PATH` is one file, and merging
/// two of those gives a path to nothing. So a name outside the list counts only if one of its values is a list.
pub(super) fn is_list(name: &str, values: [&str; 3], separator: char) -> bool {
    let name = name.to_ascii_uppercase();
    let listed = LISTS.contains(&name.as_str());
    let looks_like = (name.ends_with("PATH") || name.ends_with("DIRS")) && values.iter().any(|value| value.contains(separator));
    (listed || looks_like) && !values.iter().any(|value| value.contains("://"))
}

/// What the app's value would be on the new base, if the app extended the old base's: `ENV PATH=/app:$PATH`. It did if the old
/// base's segments are in it together and once. A value that the app replaced whole, or rearranged, is its own.
pub(super) fn extended(old: &str, app: &str, new: &str, separator: char) -> Option<String> {
    if old.is_empty() {
        return None;
    }
    let (old, app): (Vec<&str>, Vec<&str>) = (old.split(separator).collect(), app.split(separator).collect());
    let mut places = app.windows(old.len()).enumerate().filter(|(_, run)| *run == old).map(|(at, _)| at);
    let (at, None) = (places.next()?, places.next()) else { return None };
    let (before, after) = (app.get(..at)?, app.get(at + old.len()..)?);
    let parts: Vec<&str> = before.iter().copied().chain([new]).chain(after.iter().copied()).collect();
    Some(parts.join(separator.encode_utf8(&mut [0; 4])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `docker build` gives for `ENV PATH=…$PATH…` on the new base.
    #[test]
    fn an_extended_list_gets_the_new_base_s_where_the_old_base_s_stood() {
        let cases = [
            // (old, app, new, result)
            ("/usr/bin:/bin", "/app/bin:/usr/bin:/bin", "/usr/local/bin:/usr/bin:/bin", "/app/bin:/usr/local/bin:/usr/bin:/bin"),
            ("/usr/bin:/bin", "/usr/bin:/bin:/app", "/usr/bin:/bin:/snap", "/usr/bin:/bin:/snap:/app"),
            ("/jdk8:/usr", "/a:/jdk8:/usr:/b", "/jdk11", "/a:/jdk11:/b"),
            ("/bin", "/app:/bin", "/app:/new", "/app:/app:/new"),
            ("/a", "/a:", "/b:/a", "/b:/a:"),
            ("/a:/b:/a", "/x:/a:/b:/a", "/c", "/x:/c"),
        ];
        for (old, app, new, result) in cases {
            assert_eq!(extended(old, app, new, ':').as_deref(), Some(result), "{old} | {app} | {new}");
        }
    }

    #[test]
    fn a_list_that_the_app_replaced_is_its_own() {
        let cases = [
            ("/usr/bin:/bin", "/opt/app/bin"),
            ("/usr/bin:/bin", "/usr/bin:/app:/bin"),
            ("/usr/bin:/bin", "/bin:/usr/bin"),
            ("/usr/bin:/bin", "/usr/bin"),
            ("/bin", "/usr/bin:/binaries"),
            ("", "/app:/usr"),
            // Which of the two was the base's is not known.
            ("/bin", "/bin:/x:/bin"),
        ];
        for (old, app) in cases {
            assert_eq!(extended(old, app, "/new", ':'), None, "{old} | {app}");
        }
    }

    #[test]
    fn only_lists_are_extended_as_lists() {
        assert!(is_list("PATH", ["/a", "/b", "/c"], ':'));
        assert!(is_list("Path", ["C:\\a", "C:\\b", "C:\\c"], ';'));
        assert!(is_list("MY_PLUGIN_PATH", ["/a", "/a:/b", "/c"], ':'));
        assert!(is_list("EXTRA_DIRS", ["/a:/x", "/b", "/c"], ':'));
        assert!(!is_list("CHROME_PATH", ["/a", "/b", "/c"], ':'));
        assert!(!is_list("PROXY_PATH", ["", "http://a/b", "http://c/d"], ':'));
        assert!(!is_list("JAVA_OPTS", ["/a:/b", "/b", "/c"], ':'));
    }
}
