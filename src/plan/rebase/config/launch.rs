//! What a container runs: entrypoint and command, which mean something only together.

use super::{Choice, Decision, Edit, Merger, Node, Side, Sides, Value, both_same, filled};

/// Entrypoint and command; at least one of them.
#[derive(Debug, Clone, Copy)]
struct Launch<'a> {
    entrypoint: Option<Node<'a>>,
    cmd: Option<Node<'a>>,
}

impl<'a> Launch<'a> {
    fn of(config: Node<'a>) -> Option<Self> {
        let launch = Self { entrypoint: config.get("Entrypoint").and_then(filled), cmd: config.get("Cmd").and_then(filled) };
        (launch.entrypoint.is_some() || launch.cmd.is_some()).then_some(launch)
    }

    fn same(&self, other: &Self) -> bool {
        both_same(self.entrypoint, other.entrypoint) && both_same(self.cmd, other.cmd)
    }

    fn text(self) -> String {
        let members = [("Entrypoint", self.entrypoint), ("Cmd", self.cmd)];
        Value::Object(members.into_iter().filter_map(|(key, node)| Some((key.to_owned(), Value::of(node?)))).collect()).render()
    }
}

/// Whose entrypoint and command the result has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen {
    pub(super) choice: Choice,
    /// App and new base have the same.
    alike: bool,
}

impl Merger<'_> {
    /// Chooses entrypoint and command: an image that sets its own entrypoint resets the command with it, so the command of
    /// one side never runs under the entrypoint of the other.
    pub(super) fn launch(&mut self, config: Sides<Node<'_>>) -> Chosen {
        let sides = config.map(Launch::of);
        let choice = sides.choose(Launch::same, self.preferences.for_field("Entrypoint"));
        self.decisions.extend(Decision::of("Entrypoint", choice, sides.map(|launch| Some(launch.text()))));
        let alike = match (sides.app, sides.new) {
            (Some(app), Some(new)) => app.same(&new),
            (app, new) => app.is_none() && new.is_none(),
        };
        Chosen { choice, alike }
    }

    /// `ArgsEscaped` says how entrypoint and command are spelled (on Windows), so where they differ it goes with them.
    pub(super) fn args_escaped(&mut self, launch: Chosen, sides: Sides<Node<'_>>) -> Edit {
        let filled = sides.map(filled);
        if launch.alike {
            return self.whole("ArgsEscaped", sides);
        }
        if launch.choice.side() == Side::App || both_same(filled.app, filled.new) {
            return Edit::Keep;
        }
        self.record("ArgsEscaped", launch.choice, filled);
        Edit::base(sides)
    }
}
