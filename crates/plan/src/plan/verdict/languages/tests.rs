use super::*;

#[test]
fn imports_are_found() {
    let names = |language, text: &str| -> Vec<(String, bool)> {
        imports(language, text.as_bytes())
            .into_iter()
            .filter(|import| !import.inner)
            .map(|import| (String::from_utf8(import.name).unwrap(), import.soft))
            .collect()
    };
    let python = "import sys, os.path as p\nfrom a.b import c\nfrom . import d\ntry:\n    import e\nexcept ImportError:\n    pass\nx = '''\nimport no\n'''\nimport f; import g\n";
    let expected = [("sys", false), ("os.path", false), ("a.b", false), ("e", true), ("f", false), ("g", false)];
    assert_eq!(names(Language::Python, python), expected.map(|(name, soft)| (name.to_owned(), soft)));
    let perl = "#!/usr/bin/perl\nuse strict; use Text::CharWidth qw(mbswidth);\nuse 5.010;\n";
    assert_eq!(names(Language::Perl, perl), [("strict".to_owned(), false), ("Text::CharWidth".to_owned(), false)]);
    let ruby = [("labgem".to_owned(), false), ("./x".to_owned(), false)];
    assert_eq!(names(Language::Ruby, "require \"labgem\"\nrequire_relative 'x'\n"), ruby);
}

#[test]
fn names_of_modules_are_found() {
    let text = b"import a, b.c as d\nfrom e import (f,\n  g as h)\nif x:\n    from i import j\nprint(a.k, d.l, xa.m)\n";
    let name = |text: &str| text.as_bytes().to_vec();
    let expected = [("e", "f", true), ("e", "g", true), ("i", "j", false), ("a", "k", false), ("b.c", "l", false)];
    assert_eq!(taken_names(text), expected.map(|(module, taken, needed)| (name(module), name(taken), needed)));
    for line in ["def f(): pass", "f = 1", "a, f = 1, 2", "f: int", "from m import (f)", "    f,", "class f:"] {
        assert!(defines(line.as_bytes(), b"f"), "{line}");
    }
    for line in ["def fg(): pass", "# f() was here", "see `f`.", "g(f=1)"] {
        assert!(!defines(line.as_bytes(), b"f"), "{line}");
    }
}

/// What `from module import *` takes.
#[test]
fn what_a_module_offers_is_what_it_defines_at_its_top() {
    for text in
        ["def f():", "async def f():", "class f(g):", "f = 1", "g, f = 1, 2", "g = f = 1", "from a import f", "__all__ = ['f', 'g']"]
    {
        assert!(offers(text.as_bytes(), b"f"), "{text}");
    }
    for text in ["def g(f): pass", "    def f(self):", "    f = 1", "g = f", "g(f=1)", "def ff():", "'see f'", "return f"] {
        assert!(!offers(text.as_bytes(), b"f"), "{text}");
    }
}

#[test]
fn what_a_text_defines_is_no_name_of_others() {
    let found = |text: &str| defined(text.as_bytes()).map(|name| String::from_utf8_lossy(name).into_owned()).collect::<BTreeSet<_>>();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    for (text, expected) in [
        ("def f(self): self.gone(1)", &["f"][..]),
        ("class C(m.gone): x = 1", &["C"]),
        ("def f?(a)", &["f", "f?"]),
        ("attr_reader :a, :b", &["a", "b"]),
        ("self.a, b = m.gone, 1", &["self", "a", "b"]),
        ("a: int = m.gone()", &["a"]),
        ("if m.gone: x", &[]),
        ("assert m.gone == 1", &[]),
        ("m.gone == 1", &[]),
        ("m.gone(a=1)", &[]),
        ("return m.gone", &[]),
    ] {
        assert_eq!(found(text), names(expected), "{text}");
    }
}

#[test]
fn programs_that_scripts_start_are_found() {
    let text = b"subprocess.run(['a', x, \"b c\"], check=True)\nos.system('d e')\nsubprocess.Popen(y)\nopen('/etc/x')\n";
    let word = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(started(text), [Some(Started::Words(vec![word("a"), None, word("b c")])), Some(Started::Shell(b"d e".to_vec())), None]);
    assert_eq!(quoted_paths(text), BTreeSet::from([b"/etc/x".to_vec()]));
}

/// perlfunc(1): `system`, `exec`, `open` with a pipe, and backquotes.
#[test]
fn perl_starts_programs() {
    let words = |list: &[Option<&str>]| Started::Words(list.iter().map(|word| word.map(|word| word.as_bytes().to_vec())).collect());
    let shell = |text: &str| Started::Shell(text.as_bytes().to_vec());
    for (text, expected) in [
        ("system(\"tar\", \"-cf\", $file) == 0 or die;", Some(vec![words(&[Some("tar"), Some("-cf"), None])])),
        ("system 'ls -l';", Some(vec![shell("ls -l")])),
        ("open(my $p, '-|', 'sort', \"-r\", $x) or die;", Some(vec![words(&[Some("sort"), Some("-r"), None])])),
        ("my $n = `uname -n`; exec('sh');", Some(vec![shell("uname -n"), shell("sh")])),
        ("# the system (all of it)\nmy $system = 1; print $x->system('a');", Some(vec![])),
        ("system($command);", None),
        ("system(\"ls $dir\");", None),
        ("`ls $dir`", None),
        ("qx{ls}", None),
        ("exec { $a } @b;", None),
    ] {
        assert_eq!(started_by_perl(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn python_imports_by_a_call() {
    assert_eq!(imported(b"x = __import__('sys').stdout"), Some(vec![b"sys".to_vec()]));
    assert_eq!(imported(b"import sys"), Some(vec![]));
    for text in ["__import__(name)", "__import__('a' + b)", "f = __import__"] {
        assert_eq!(imported(text.as_bytes()), None, "{text}");
    }
}

/// lib(3perl), FindBin(3perl)
#[test]
fn perl_looks_beside_its_script() {
    for (text, expected) in [
        ("use lib '/opt/lib';", Some(vec!["/opt/lib"])),
        ("use FindBin;\nuse lib \"$FindBin::Bin/../lib\";", Some(vec!["/app/bin/../lib"])),
        ("use lib dirname(abs_path($0)) . '/../lib';", Some(vec!["/app/bin/../lib"])),
        ("use lib (dirname(__FILE__));", Some(vec!["/app/bin"])),
        ("# use lib $x;\nuse strict;", Some(vec![])),
        ("use lib $ENV{LIB};", None),
        ("use lib 'lib';", None),
        ("use lib \"$FindBin::Bin/$x\";", None),
        ("use lib map { \"/a/$_\" } @b;", None),
    ] {
        let found = use_lib(text.as_bytes(), b"/app/bin");
        let expected = expected.map(|paths| paths.iter().map(|path| path.as_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(found, expected, "{text}");
    }
}
