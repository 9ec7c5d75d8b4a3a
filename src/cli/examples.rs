//! The examples at the end of each help. They are about the images that `airbase demo` makes; a test runs every one of them there.

use clap::Command;

/// A command, and two lines that use it.
const EXAMPLES: &[(&str, [&str; 2])] = &[
    ("", ["airbase demo", "airbase inspect apps/shop.tar --bases bases"]),
    ("inspect", ["airbase inspect apps/shop.tar --bases bases", "airbase inspect apps bases --format json"]),
    ("ls", ["airbase ls apps/shop.tar --platform linux/amd64", "airbase ls apps/shop.tar lib --platform linux/arm64"]),
    (
        "cat",
        ["airbase cat apps/shop.tar etc/os-release --platform linux/amd64", "airbase cat apps/shop.tar --config --platform linux/arm64"],
    ),
    (
        "diff",
        [
            "airbase diff apps/shop.tar new/shop.tar",
            "airbase diff apps/plain.tar bases:registry.example/os:12 --files --platform linux/amd64",
        ],
    ),
    (
        "why",
        [
            "airbase why apps/shop.tar lib/libcrypto.so.3 --bases bases --platform linux/amd64",
            "airbase why apps/shop.tar etc/os-release --bases bases --onto bases:os:12 --platform linux/amd64",
        ],
    ),
    ("fsck", ["airbase fsck apps bases", "airbase fsck apps/shop.tar --level 4"]),
    ("base", ["airbase base show apps/plain.tar --bases bases", "airbase base dependents bases:registry.example/os:12 apps new"]),
    (
        "base show",
        ["airbase base show apps/plain.tar --bases bases", "airbase base show apps/shop.tar --bases bases --platform linux/amd64"],
    ),
    (
        "base verify",
        [
            "airbase base verify new/shop.tar --base bases:registry.example/os:12",
            "airbase base verify new/shop.tar --base bases:registry.example/os:12 --verify content",
        ],
    ),
    (
        "base set",
        [
            "airbase base set new/plain.tar --base bases:registry.example/os:12 -o out/plain.tar",
            "airbase base set new/plain.tar --base bases:registry.example/os:12 -o layout:plain:1",
        ],
    ),
    (
        "base dependents",
        [
            "airbase base dependents bases:registry.example/os:12 apps new",
            "airbase base dependents bases:registry.example/os:12 new --format json",
        ],
    ),
    ("outdated", ["airbase outdated apps --bases bases", "airbase outdated new --bases bases --format json"]),
    (
        "rebase",
        [
            "airbase rebase apps/shop.tar --bases bases -o out/shop.tar",
            "airbase rebase apps/plain.tar --bases bases --onto bases:registry.example/os:12 --dry-run",
        ],
    ),
    (
        "verdict",
        [
            "airbase verdict apps/shop.tar --bases bases",
            "airbase verdict apps/plain.tar --bases bases --onto bases:registry.example/os:13 --explain",
        ],
    ),
    ("batch", ["airbase batch plan apps --bases bases > plan.jsonl", "airbase batch apply plan.jsonl -o moved"]),
    ("batch plan", ["airbase batch plan apps --bases bases > plan.jsonl", "airbase batch plan apps --bases bases --only '*shop*'"]),
    ("batch apply", ["airbase batch apply plan.jsonl -o moved", "airbase batch apply plan.jsonl -o shards --shard 1/1"]),
    ("batch merge", ["airbase batch merge shards", "airbase batch merge shards --format json"]),
    ("batch report", ["airbase batch report plan.jsonl moved", "airbase batch report plan.jsonl moved --format csv"]),
    ("copy", ["airbase copy apps/shop.tar layout", "airbase copy apps/shop.tar docker-archive:shop.tar --platform linux/amd64"]),
    ("index", ["airbase index parts:amd64 parts:arm64 --tag shop:1.4", "airbase index parts:amd64 parts:arm64 -o both.tar"]),
    (
        "tag",
        [
            "airbase tag layout:shop:1.4 registry.example/shop:stable",
            "airbase tag layout:shop:1.4 registry.example/shop:latest registry.example/shop:1",
        ],
    ),
    ("untag", ["airbase untag layout:registry.example/shop:stable", "airbase untag layout:registry.example/shop:latest --format json"]),
    (
        "annotate",
        [
            "airbase annotate apps/shop.tar -a org.example.ticket=4711 -o annotated.tar",
            "airbase annotate layout:plain:0.9 -a org.example.ticket=1 --tag registry.example/plain:1",
        ],
    ),
    ("collection", ["airbase collection show layout:suite:1", "airbase collection check layout:suite:1"]),
    (
        "collection create",
        [
            "airbase collection create layout:suite:1 layout:shop:1.4 layout:plain:0.9",
            "airbase collection create layout:suite:2 layout:shop:1.4 layout:plain:0.9 --format json",
        ],
    ),
    ("collection show", ["airbase collection show layout:suite:1", "airbase collection show layout:suite:1 --format json"]),
    ("collection check", ["airbase collection check layout:suite:1", "airbase collection check layout:suite:1 --format json"]),
    (
        "attach",
        [
            "airbase attach layout:shop:1.4 sbom.json --type application/spdx+json",
            "airbase attach layout:plain:0.9 --type application/x.review -a org.example.by=us",
        ],
    ),
    ("referrers", ["airbase referrers layout:shop:1.4", "airbase referrers layout:shop:1.4 --tree"]),
    ("detach", ["airbase detach layout:shop:1.4 DIGEST", "airbase detach layout:shop:1.4 DIGEST --format json"]),
    ("doctor", ["airbase doctor layout", "airbase doctor layout --fix"]),
    ("lifecycle", ["airbase lifecycle set layout:plain:0.9 --eol 2030-01-01", "airbase lifecycle check layout"]),
    (
        "lifecycle set",
        [
            "airbase lifecycle set layout:plain:0.9 --eol 2030-01-01",
            "airbase lifecycle set layout:plain:0.9 --status deprecated --reason 'use shop'",
        ],
    ),
    (
        "lifecycle supersede",
        [
            "airbase lifecycle supersede layout:shop:1.4 --by layout:shop:1.5",
            "airbase lifecycle supersede layout:plain:0.9 --by layout:shop:1.5 --format json",
        ],
    ),
    ("lifecycle show", ["airbase lifecycle show layout:plain:0.9", "airbase lifecycle show layout:plain:0.9 --at 2031-01-01"]),
    ("lifecycle history", ["airbase lifecycle history layout:plain:0.9", "airbase lifecycle history layout:plain:0.9 --format json"]),
    ("lifecycle trace", ["airbase lifecycle trace DIGEST layout", "airbase lifecycle trace DIGEST layout apps --format json"]),
    ("lifecycle check", ["airbase lifecycle check layout", "airbase lifecycle check layout --grace 30d"]),
    ("lifecycle report", ["airbase lifecycle report layout", "airbase lifecycle report layout --format csv"]),
    ("lifecycle compact", ["airbase lifecycle compact layout:plain:0.9", "airbase lifecycle compact layout:plain:0.9 --format json"]),
    ("lifecycle import", ["airbase lifecycle import eol.json layout", "airbase lifecycle import eol.json layout --format json"]),
    ("rm", ["airbase rm layout:suite:2", "airbase rm layout:plain:0.9 --referrers"]),
    ("gc", ["airbase gc layout", "airbase gc layout --apply"]),
    (
        "prepare",
        [
            "airbase prepare new/shop.tar --registry registry.site/team",
            "airbase prepare new/shop.tar --registry registry.site/team --format json > push.json",
        ],
    ),
    ("verify-sync", ["airbase verify-sync push.json listing", "airbase verify-sync push.json listing --format json"]),
    ("demo", ["airbase demo", "airbase demo there"]),
    ("config", ["airbase config", "airbase config --format json"]),
    ("explain", ["airbase explain base.conflict", "airbase explain --format json"]),
    ("completions", ["airbase completions bash", "airbase completions zsh > _airbase"]),
    ("man", ["airbase man > airbase.1", "airbase man ."]),
];

/// The command line with the examples.
pub(super) fn with_examples(command: Command) -> Command {
    EXAMPLES.iter().fold(command, |command, (verb, lines)| {
        let text = format!("Examples:\n  {}", lines.join("\n  "));
        let words: Vec<&str> = verb.split_whitespace().collect();
        below(command, &words, text)
    })
}

fn below(command: Command, words: &[&str], text: String) -> Command {
    match words.split_first() {
        None => command.after_help(text),
        Some((first, rest)) => command.mut_subcommand(*first, |inner| below(inner, rest, text)),
    }
}
