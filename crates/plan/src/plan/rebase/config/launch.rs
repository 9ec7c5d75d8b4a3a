//! What a container runs: the entrypoint, and the command that is given to it.
//!
//! A build that sets an entrypoint clears the command that it inherited; one that sets only a command keeps the entrypoint that
//! it inherited, and so follows the new base's.

use super::{Choice, Edit, Merger, Node, Old, Side, Sides, both_same, filled};

/// Whose entrypoint and whose command the result has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Launch {
    pub(super) entrypoint: Choice,
    pub(super) cmd: Choice,
    /// What was chosen where app and new base differ.
    differing: [Option<Choice>; 2],
}

impl Merger<'_> {
    /// Chooses entrypoint and command.
    pub(super) fn launch(&mut self, config: Sides<Node<'_>>) -> Launch {
        let part = |name| config.map(|config| config.get(name)).map(filled);
        let (entrypoint, cmd) = (part("Entrypoint"), part("Cmd"));
        let chosen = match (entrypoint.old, cmd.old) {
            (Old::Known(old_entrypoint), Old::Known(old_cmd)) => {
                let own = self.sets_entrypoint(entrypoint, old_entrypoint, cmd, old_cmd);
                let choice = entrypoint.choose(super::same, super::Weight { own, ..self.weight("Entrypoint") });
                (choice, self.cmd(cmd, own.then_some(choice)))
            }
            _ => (self.unknown_base("Entrypoint", entrypoint, cmd.app), self.unknown_base("Cmd", cmd, entrypoint.app)),
        };
        self.record("Entrypoint", chosen.0, entrypoint);
        self.record("Cmd", chosen.1, cmd);
        let differing = [(chosen.0, entrypoint), (chosen.1, cmd)].map(|(choice, part)| (!both_same(part.app, part.new)).then_some(choice));
        Launch { entrypoint: chosen.0, cmd: chosen.1, differing }
    }

    /// Whether the app set the entrypoint: it has another, or its history says so, or it lost the old base's command, which an
    /// entrypoint clears.
    fn sets_entrypoint<'a>(
        &self,
        entrypoint: Sides<Node<'a>>,
        old_entrypoint: Option<Node<'a>>,
        cmd: Sides<Node<'a>>,
        old_cmd: Option<Node<'a>>,
    ) -> bool {
        let cleared = old_cmd.is_some() && cmd.app.is_none() && !self.own.set("Cmd");
        !both_same(entrypoint.app, old_entrypoint) || self.own.set("Entrypoint") || cleared
    }

    /// The command; `own` is the choice for an entrypoint that the app set itself.
    fn cmd(&self, cmd: Sides<Node<'_>>, own: Option<Choice>) -> Choice {
        let follow = cmd.choose(super::same, self.weight("Cmd"));
        let Some(entrypoint) = own else { return follow };
        if follow == Choice::Keep {
            return Choice::Keep;
        }
        let wanted = self.preferences.for_field_alone("Cmd");
        match entrypoint.side() {
            // It goes with the app's entrypoint, also where it is empty: the new base's would be arguments that nobody chose.
            Side::App => Choice::Conflict(wanted.unwrap_or(Side::App)),
            // The app's entrypoint, which cleared the command, is not in the result.
            Side::Base if cmd.app.is_none() => Choice::Conflict(wanted.unwrap_or(Side::Base)),
            Side::Base => follow,
        }
    }

    /// Without the old base the app runs what it ran: if it has entrypoint or command, both are its own.
    fn unknown_base(&self, field: &str, sides: Sides<Node<'_>>, other: Option<Node<'_>>) -> Choice {
        if sides.app.is_none() && sides.new.is_some() && other.is_some() {
            return Choice::TwoWay(self.preferences.for_field(field));
        }
        sides.choose(super::same, self.weight(field))
    }

    /// `ArgsEscaped` says how entrypoint and command are spelled (on Windows), so where they differ it goes with them.
    pub(super) fn args_escaped(&mut self, launch: Launch, sides: Sides<Node<'_>>) -> Edit {
        let filled = sides.map(filled);
        let mut differing = launch.differing.into_iter().flatten();
        let Some(first) = differing.next() else { return self.whole("ArgsEscaped", sides) };
        let own = first.side() == Side::App || differing.any(|choice| choice.side() == Side::App);
        if own || both_same(filled.app, filled.new) {
            return Edit::Keep;
        }
        self.record("ArgsEscaped", first, filled);
        Edit::base(sides)
    }
}
