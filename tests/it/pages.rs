//! The pages of docs/ that show commands: every command of them runs, and ends as the page says.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::Environment;

/// Pages whose commands run in the folder that `airbase demo` makes.
const PAGES: &[&str] = &["bases", "gates", "rollback", "sync"];

/// The exit status that a command says at its end, else 0.
fn expected(line: &str) -> i32 {
    let told = line.rsplit_once("# exit status ").map(|(_, status)| status.trim());
    told.map_or(0, |status| status.parse().unwrap())
}

#[test]
fn every_command_of_a_page_ends_as_it_says() {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_airbase")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    for page in PAGES {
        let environment = Environment::new();
        environment.ok(&["demo", "demo"]);
        let text = fs::read_to_string(format!("{}/docs/{page}.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let blocks = text.split("\n```sh\n").skip(1).map(|block| block.split("\n```").next().unwrap());
        // One shell for a page, since later commands use what earlier ones found out; each says how it ended.
        let mut script = String::new();
        let mut commands = Vec::new();
        for line in blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            script.push_str(&format!("{line}\necho \"ended $?\" >&2\n"));
            commands.push(line);
        }
        assert!(commands.len() > 5, "{page}: {commands:?}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(environment.join("demo")).env("PATH", &path).stdin(Stdio::null());
        let ran = shell.output().unwrap();
        let told = String::from_utf8_lossy(&ran.stderr);
        let ended: Vec<i32> = told.lines().filter_map(|line| line.strip_prefix("ended ")?.parse().ok()).collect();
        let wanted: Vec<i32> = commands.iter().map(|line| expected(line)).collect();
        assert_eq!(ended.len(), wanted.len(), "{page}: {told}");
        for ((line, ended), wanted) in commands.iter().zip(&ended).zip(&wanted) {
            assert_eq!(ended, wanted, "{page}: {line}\n{told}");
        }
    }
}
