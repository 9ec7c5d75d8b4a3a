//! The options of busybox's commands: which mean the same in GNU's, and which busybox refuses. They were tried in busybox 1.36, 1.37 and
//! 1.38 beside coreutils 8.32 to 9.7 and their companions in Debian 11 to 13; what stands in neither list is not decided.

/// What is known of the options of a command.
pub(super) struct Tool {
    name: &'static str,
    /// Letters that mean the same in both, and those of them that take a value.
    common: &'static [u8],
    valued: &'static [u8],
    /// Letters of GNU's that busybox refuses.
    refused: &'static [u8],
    /// The long options that busybox knows. It refuses all others.
    long: &'static [&'static str],
}

/// What becomes of an option where GNU's command and busybox's take each other's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Same,
    /// It may mean something else.
    Doubtful,
    /// It is refused.
    Refused,
}

const fn tool(name: &'static str, common: &'static [u8], valued: &'static [u8], refused: &'static [u8]) -> Tool {
    Tool { name, common, valued, refused, long: &[] }
}

const fn known(tool: Tool, long: &'static [&'static str]) -> Tool {
    Tool { long, ..tool }
}

const CHECKSUM: Tool = tool("", b"cw", b"", b"z");
const OWNER: &[&str] = &["changes", "dereference", "no-dereference", "quiet", "recursive", "silent", "verbose"];

/// What shells take in the same way.
const SHELL: Tool = tool("", b"acefhilmnsuvxC", b"", b"");

const TOOLS: &[Tool] = &[
    Tool { name: "sh", ..SHELL },
    Tool { name: "ash", ..SHELL },
    Tool { name: "dash", ..SHELL },
    Tool { name: "bash", ..SHELL },
    tool("awk", b"Fvf", b"Fvf", b""),
    tool("base64", b"dw", b"w", b""),
    tool("basename", b"as", b"s", b"z"),
    tool("cat", b"Abentv", b"", b"ETs"),
    known(tool("chgrp", b"HLPRfh", b"", b""), OWNER),
    tool("chmod", b"Rf", b"", b""),
    known(tool("chown", b"HLPRfh", b"", b""), OWNER),
    known(tool("cmp", b"lsn", b"n", b"biv"), &["bytes", "quiet", "silent", "verbose"]),
    tool("comm", b"123", b"", b"z"),
    known(
        tool("cp", b"HLPRTadfilnprstu", b"t", b"SZbx"),
        &[
            "archive",
            "dereference",
            "force",
            "interactive",
            "link",
            "no-clobber",
            "no-dereference",
            "no-target-directory",
            "parents",
            "recursive",
            "reflink",
            "remove-destination",
            "symbolic-link",
            "target-directory",
            "update",
            "verbose",
        ],
    ),
    known(tool("cut", b"bcdfns", b"bcdf", b"Mz"), &["output-delimiter"]),
    known(tool("date", b"uRrI", b"rI", b"0f"), &["date", "reference", "set", "utc"]),
    tool("df", b"BPTahikt", b"Bt", b"lvx"),
    known(
        tool("diff", b"BNSTUabdiqrstwu", b"SU", b"CDFIWXZcelnvxy"),
        &[
            "brief",
            "expand-tabs",
            "ignore-all-space",
            "ignore-blank-lines",
            "ignore-case",
            "ignore-space-change",
            "ignore-tab-expansion",
            "initial-tab",
            "label",
            "minimal",
            "new-file",
            "no-dereference",
            "recursive",
            "report-identical-files",
            "show-c-function",
            "starting-file",
            "text",
            "unified",
        ],
    ),
    known(tool("dirname", b"", b"", b""), &["zero"]),
    tool("du", b"HLabcdhklmsx", b"d", b"0BDPSXt"),
    known(tool("env", b"0iu", b"u", b"CSav"), &["ignore-environment", "null", "unset"]),
    known(tool("expand", b"it", b"t", b""), &["initial", "tabs"]),
    known(tool("flock", b"cnsux", b"", b"EFVhow"), &["exclusive", "nonblock", "shared", "unlock"]),
    tool("fold", b"bsw", b"w", b""),
    known(tool("grep", b"ABCEFHRcefhilmnoqrsvwx", b"ABCefm", b"DGNPTUVZbdz"), &["color"]),
    known(tool("egrep", b"ABCEFHRcefhilmnoqrsvwx", b"ABCefm", b"DGNPTUVZbdz"), &["color"]),
    known(tool("fgrep", b"ABCEFHRcefhilmnoqrsvwx", b"ABCefm", b"DGNPTUVZbdz"), &["color"]),
    known(tool("gunzip", b"cfkt", b"", b"NSlr"), &["force", "no-name", "stdout", "test"]),
    known(tool("gzip", b"cdfkt", b"", b"LNSVhlr"), &["best", "fast", "force", "no-name", "quiet", "stdout", "test", "verbose"]),
    tool("head", b"cnqv", b"cn", b"z"),
    tool("hostname", b"dfis", b"", b"AIVabhy"),
    tool("id", b"Ggnru", b"", b"Zaz"),
    known(
        tool("install", b"Dcdgmopst", b"gmot", b"CSTZ"),
        &["directory", "group", "mode", "owner", "preserve-timestamps", "strip", "target-directory", "verbose"],
    ),
    tool("ln", b"bfnsvTS", b"S", b"FLPdirt"),
    known(tool("ls", b"1ACFHLRSXacdhilnprstuvwx", b"w", b"BDGINUZbfmo"), &["color", "full-time", "group-directories-first"]),
    Tool { name: "md5sum", ..CHECKSUM },
    Tool { name: "sha1sum", ..CHECKSUM },
    Tool { name: "sha256sum", ..CHECKSUM },
    Tool { name: "sha512sum", ..CHECKSUM },
    known(tool("mkdir", b"mp", b"m", b"Z"), &["mode", "parents", "verbose"]),
    tool("mkfifo", b"m", b"m", b""),
    tool("mknod", b"m", b"m", b""),
    known(tool("mktemp", b"dpqtu", b"p", b""), &["directory", "dry-run", "quiet", "tmpdir"]),
    known(
        tool("mv", b"Tfint", b"t", b"SZbu"),
        &["force", "interactive", "no-clobber", "no-target-directory", "target-directory", "verbose"],
    ),
    known(tool("nice", b"n", b"n", b""), &["adjustment"]),
    tool("nl", b"bisvw", b"bisvw", b"dfhln"),
    known(tool("nproc", b"", b"", b""), &["all", "ignore"]),
    tool("paste", b"ds", b"d", b"z"),
    tool("pgrep", b"floxvanPsu", b"Psu", b""),
    tool("pkill", b"floxvnPsu", b"Psu", b""),
    tool("readlink", b"fn", b"", b"emz"),
    known(tool("setpriv", b"d", b"", b""), &["dump", "nnp", "no-new-privs", "inh-caps", "ambient-caps"]),
    tool("rm", b"Rfir", b"", b"Id"),
    known(tool("rmdir", b"p", b"", b""), &["ignore-fail-on-non-empty", "parents", "verbose"]),
    known(tool("sed", b"Eefinr", b"ief", b"lsuz"), &["expression", "file", "in-place", "quiet", "regexp-extended", "silent"]),
    tool("seq", b"sw", b"s", b"f"),
    tool("shuf", b"einoz", b"ino", b"r"),
    tool("sort", b"Vbcdfghiknorstuz", b"kot", b"CR"),
    tool("split", b"abl", b"abl", b"Cdentux"),
    tool("stat", b"cL", b"c", b""),
    tool("su", b"clmps", b"cs", b"GPTVfghw"),
    known(tool("sync", b"df", b"", b""), &["data", "file-system"]),
    tool("tac", b"", b"", b"brs"),
    tool("tail", b"Fcfnqs", b"cns", b"z"),
    known(
        tool("tar", b"CJOTXZafhjkmoptvxcz", b"CTXf", b"ABFGHIKLMNPRSUVWbdgilnrsuw"),
        &[
            "auto-compress",
            "bzip2",
            "compress",
            "create",
            "dereference",
            "directory",
            "exclude",
            "exclude-from",
            "extract",
            "file",
            "files-from",
            "gzip",
            "list",
            "lzma",
            "no-recursion",
            "no-same-owner",
            "no-same-permissions",
            "numeric-owner",
            "overwrite",
            "same-permissions",
            "strip-components",
            "to-command",
            "to-stdout",
            "touch",
            "verbose",
            "xz",
        ],
    ),
    tool("tee", b"ai", b"", b"p"),
    tool("timeout", b"ks", b"ks", b"flpv"),
    known(tool("touch", b"achmrt", b"rt", b""), &["date", "no-create", "no-dereference", "reference"]),
    tool("tr", b"cdsC", b"", b"t"),
    tool("truncate", b"cs", b"s", b"or"),
    tool("tty", b"s", b"", b""),
    tool("uname", b"mnrsv", b"", b""),
    tool("uniq", b"cdfisuwz", b"fsw", b"D"),
    tool("unexpand", b"at", b"t", b""),
    tool("wc", b"Lclmw", b"", b""),
    tool("which", b"a", b"", b"s"),
    known(tool("xargs", b"0EIPaenoprstx", b"EIPans", b"Ldl"), &["no-run-if-empty"]),
    tool("wget", b"cqOPTU", b"OPTU", b""),
    tool("unzip", b"dlopqxnj", b"d", b""),
    tool("xz", b"cdfkt", b"", b""),
    tool("unxz", b"cfkt", b"", b""),
    tool("bzip2", b"cdfkt", b"", b""),
    tool("bunzip2", b"cfkt", b"", b""),
    tool("logger", b"pst", b"pt", b""),
    tool("mountpoint", b"dqx", b"", b""),
    tool("setsid", b"c", b"", b""),
    tool("ionice", b"cnpt", b"cnp", b""),
    tool("pidof", b"so", b"o", b""),
];

/// Words of `find` that both have, and those that busybox refuses.
const FIND: &[&str] = &[
    "-name",
    "-iname",
    "-type",
    "-exec",
    "-path",
    "-ipath",
    "-wholename",
    "-maxdepth",
    "-mindepth",
    "-mtime",
    "-mmin",
    "-atime",
    "-ctime",
    "-size",
    "-perm",
    "-user",
    "-group",
    "-print",
    "-print0",
    "-not",
    "-delete",
    "-prune",
    "-newer",
    "-empty",
    "-xdev",
    "-depth",
    "-follow",
    "-links",
    "-inum",
    "-quit",
    "-executable",
    "-and",
    "-or",
    "-a",
    "-o",
    "-L",
    "-H",
];
const FIND_REFUSED: &[&str] = &[
    "-printf",
    "-fprintf",
    "-regextype",
    "-newermt",
    "-newerct",
    "-newerat",
    "-execdir",
    "-okdir",
    "-readable",
    "-writable",
    "-ls",
    "-fls",
    "-daystart",
    "-cnewer",
    "-anewer",
    "-used",
    "-iregex",
    "-lname",
    "-ilname",
    "-uid",
    "-gid",
    "-nouser",
    "-nogroup",
    "-fstype",
    "-mount",
    "-noleaf",
    "-true",
    "-false",
    "-xtype",
    "-context",
];

/// What becomes of an option of a command. `small` says whether busybox takes the place, or GNU's.
pub(super) fn fate(name: &[u8], option: &[u8], small: bool) -> Fate {
    let is = |text: &&str| text.as_bytes() == option;
    if name == b"find" {
        return match () {
            () if FIND.iter().any(is) => Fate::Same,
            () if small && FIND_REFUSED.iter().any(is) => Fate::Refused,
            () => Fate::Doubtful,
        };
    }
    let number = option.iter().skip(1).all(u8::is_ascii_digit);
    if option == b"--" {
        return Fate::Same;
    }
    let tool = TOOLS.iter().find(|tool| tool.name.as_bytes() == name);
    if number && [&b"head"[..], b"tail", b"nice", b"kill", b"gzip", b"bzip2", b"xz"].contains(&name) {
        return Fate::Same;
    }
    let Some(tool) = tool else { return Fate::Doubtful };
    match option.strip_prefix(b"--") {
        Some(long) => tool.long(long, small),
        None => tool.short(option.get(1..).unwrap_or_default(), small),
    }
}

impl Tool {
    fn long(&self, option: &[u8], small: bool) -> Fate {
        let name = option.split(|byte| *byte == b'=').next().unwrap_or_default();
        if self.long.iter().any(|known| known.as_bytes() == name) {
            // What `date` reads after it is not the same.
            let dates = matches!(self.name, "date" | "touch") && name == b"date";
            return if dates || name == b"verbose" { Fate::Doubtful } else { Fate::Same };
        }
        let shortened = self.long.iter().any(|known| known.as_bytes().starts_with(name));
        if small && !shortened { Fate::Refused } else { Fate::Doubtful }
    }

    fn short(&self, letters: &[u8], small: bool) -> Fate {
        for letter in letters {
            if small && self.refused.contains(letter) {
                return Fate::Refused;
            }
            if !self.common.contains(letter) {
                return Fate::Doubtful;
            }
            // A value may follow its letter.
            if self.valued.contains(letter) {
                break;
            }
        }
        Fate::Same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_a_fate() {
        for (command, small, expected) in [
            ("grep -P", true, Fate::Refused),
            ("grep -qE", true, Fate::Same),
            ("grep -eP", true, Fate::Same),
            ("grep --color=auto", true, Fate::Same),
            ("grep --include=x", true, Fate::Refused),
            ("grep -a", true, Fate::Doubtful),
            ("grep -P", false, Fate::Doubtful),
            ("sed -i.bak", true, Fate::Same),
            ("sed -z", true, Fate::Refused),
            ("find -printf", true, Fate::Refused),
            ("find -name", true, Fate::Same),
            ("find -regex", true, Fate::Doubtful),
            ("xargs -d", true, Fate::Refused),
            ("xargs -n1", true, Fate::Same),
            ("xargs --no-run-if-empty", true, Fate::Same),
            ("date -d", true, Fate::Doubtful),
            ("date --iso-8601", true, Fate::Refused),
            ("date -D", false, Fate::Doubtful),
            ("stat --printf=x", true, Fate::Refused),
            ("stat -c", true, Fate::Same),
            ("sort -V", true, Fate::Same),
            ("sort -h", true, Fate::Same),
            ("sort --parallel=2", true, Fate::Refused),
            ("cp --parents", true, Fate::Same),
            ("ln -sr", true, Fate::Refused),
            ("ln -sfn", true, Fate::Same),
            ("readlink -m", true, Fate::Refused),
            ("mktemp --suffix=x", true, Fate::Refused),
            ("tar --xattrs", true, Fate::Refused),
            ("tar -xzf", true, Fate::Same),
            ("head -1", true, Fate::Same),
            ("head --lines=1", true, Fate::Refused),
            ("mkdir -p", true, Fate::Same),
            ("mkdir --par", true, Fate::Doubtful),
            ("cut -dx", true, Fate::Same),
            ("unheard -a", true, Fate::Doubtful),
            ("unheard --", true, Fate::Same),
            ("sh -ec", false, Fate::Same),
            ("sh -c", true, Fate::Same),
            ("awk -F,", true, Fate::Same),
            ("sh --login", false, Fate::Doubtful),
            ("adduser -D", false, Fate::Doubtful),
        ] {
            let (name, option) = command.split_once(' ').unwrap();
            assert_eq!(fate(name.as_bytes(), option.as_bytes(), small), expected, "{command}");
        }
    }
}
