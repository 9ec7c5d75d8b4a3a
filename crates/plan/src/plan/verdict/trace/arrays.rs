//! Arrays of scripts: which lists of words each may hold.

use std::rc::Rc;

use super::command::{Standing, is_all_given};
use super::{Argument, Trace, one};
use crate::plan::verdict::shell::{Command, Part, Script, Word, assignment};

/// How many lists of words an array may hold.
const MOST_LISTS: usize = 8;

/// How many words a list may have.
pub(super) const LONGEST_LIST: usize = 1000;

/// What an array may hold after the commands of one function, or of no function.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    /// None if that is not known.
    lists: Option<Vec<Vec<Argument>>>,
    /// Whether it holds one of these for certain from here to the end of the function.
    certain: bool,
}

/// A command that sets an array, or a part of one.
#[derive(Debug)]
pub(super) struct Set {
    number: usize,
    name: Vec<u8>,
    function: Option<Vec<u8>>,
}

/// The commands of a script that set arrays.
pub(super) fn sets_of(script: &Script) -> Rc<[Set]> {
    let is_list = |word: &Word| word.parts.iter().any(|part| matches!(part, Part::List(_) | Part::Dynamic));
    let set = |(number, command): (usize, &Command)| {
        let declared = command.words.iter().skip(1).filter_map(assignment);
        let own = command.assignments.iter().cloned();
        let names: Vec<Vec<u8>> = own.chain(declared).filter(|(_, word)| is_list(word)).map(|(name, _)| name).collect();
        let function = command.function.clone();
        names.into_iter().map(move |name| Set { number, name, function: function.clone() })
    };
    script.commands.iter().enumerate().flat_map(set).collect()
}

/// A word with a value that is known, or is not.
fn word_of(argument: &Argument) -> Word {
    Word::of(argument.clone().map_or(Part::Dynamic, Part::Text))
}

impl Trace<'_> {
    /// Notes the arrays that a command of a script sets, which was given `arguments`.
    pub(super) fn arrays(&mut self, at: Standing<'_>, arguments: &[Argument]) {
        const READING: &[&[u8]] = &[b"read", b"mapfile", b"readarray"];
        let Command { assignments, words, .. } = at.command;
        let first = words.first().and_then(Word::literal).unwrap_or_default();
        // `read` sets variables, and with -a an array.
        let fills = |word: &Word| word.literal().is_some_and(|option| option.starts_with(b"-") && option.contains(&b'a'));
        if READING.contains(&first) {
            if first == b"read" && !words.iter().any(fills) {
                return;
            }
            for name in words.iter().skip(1).filter_map(Word::literal) {
                self.put_lists(at.command, name.to_vec(), None);
            }
            return;
        }
        // An array may be declared too: `local x=(a b)`.
        let declared = words.iter().skip(1).filter(|_| !first.is_empty()).filter_map(assignment);
        let own = assignments.iter().filter(|_| words.is_empty()).cloned();
        for (name, value) in own.chain(declared) {
            let known = self.key(&name).is_some();
            match value.parts.as_slice() {
                [Part::List(words)] => {
                    let lists = self.lists_of(words, at, arguments);
                    self.put_lists(at.command, name, lists);
                }
                // `x+=(a b)`
                [Part::Dynamic, Part::List(words)] => {
                    let (before, more) = (self.lists(&name), self.lists_of(words, at, arguments));
                    let lists = before.zip(more).map(|(before, more)| joined(&before, &more));
                    let lists = lists.filter(|lists| lists.iter().all(|list| list.len() <= LONGEST_LIST));
                    self.put_lists(at.command, name, lists);
                }
                // A single word of it, or what is not understood.
                [Part::Dynamic, ..] => self.put_lists(at.command, name, None),
                _ if known => self.put_lists(at.command, name, None),
                _ => {}
            }
        }
    }

    /// The words of a command with those of arrays in their place, for each of the lists that they may hold.
    pub(super) fn with_arrays(&self, words: &[Word]) -> Vec<Vec<Word>> {
        let mut all: Vec<Vec<Word>> = vec![Vec::new()];
        for word in words {
            let lists = match word.parts.as_slice() {
                [Part::All(name, skipped)] if name != b"@" => self.lists(name).map(|lists| (lists, *skipped)),
                _ => None,
            };
            let more: Vec<Vec<Word>> = match lists {
                Some((lists, skipped)) => lists.iter().map(|list| list.iter().skip(skipped).map(word_of).collect()).collect(),
                None => vec![vec![word.clone()]],
            };
            all = all.iter().flat_map(|start| more.iter().map(move |end| [start.as_slice(), end].concat())).collect();
            if all.len() > MOST_LISTS {
                return vec![words.to_vec()];
            }
        }
        all
    }

    /// The lists that words make, some of which stand for several.
    fn lists_of(&self, words: &[Word], at: Standing<'_>, arguments: &[Argument]) -> Option<Vec<Vec<Argument>>> {
        let given = if at.command.function.is_none() && !self.given.is_empty() { self.given.clone() } else { vec![arguments.to_vec()] };
        let mut all = Vec::new();
        for words in self.with_arrays(words) {
            for list in &given {
                let values = |word: &Word| match word.parts.as_slice() {
                    _ if is_all_given(word) => list.clone(),
                    [Part::All(name, skipped)] if name == b"@" => list.iter().skip(*skipped).cloned().collect(),
                    _ => vec![one(word, &self.inherited)],
                };
                // Of what is not known it is not known either how many words it is.
                let is_open = |word: &Word| matches!(word.parts.as_slice(), [Part::All(name, _)] if name != b"@");
                if words.iter().any(|word| is_open(word) || word.parts.iter().any(|part| matches!(part, Part::Pattern(_)))) {
                    return None;
                }
                let list: Vec<Argument> = words.iter().flat_map(values).take(LONGEST_LIST + 1).collect();
                if list.len() > LONGEST_LIST {
                    return None;
                }
                if !all.contains(&list) {
                    all.push(list);
                }
            }
        }
        (all.len() <= MOST_LISTS).then_some(all)
    }

    fn key(&self, name: &[u8]) -> Option<&Lists> {
        self.arrays.get(&(self.branch.function().cloned(), name.to_vec()))
    }

    /// The lists that an array may hold where a command stands.
    fn lists(&self, name: &[u8]) -> Option<Vec<Vec<Argument>>> {
        if let Some(function) = self.branch.function() {
            if let Some(own) = self.key(name).filter(|own| own.certain) {
                return own.lists.clone();
            }
            // The function may be called after it is set again.
            let is_later = |(from, sets): &(usize, Rc<[Set]>)| {
                sets.iter().any(|set| set.number > *from && set.name == name && set.function.as_ref() != Some(function))
            };
            if self.setting.iter().any(is_later) {
                return None;
            }
        }
        let all: Vec<&Lists> = self.arrays.iter().filter(|((_, other), _)| other == name).map(|(_, lists)| lists).collect();
        let lists = all.iter().map(|lists| lists.lists.clone()).collect::<Option<Vec<_>>>()?.concat();
        (!all.is_empty() && lists.len() <= MOST_LISTS).then_some(lists)
    }

    fn put_lists(&mut self, command: &Command, name: Vec<u8>, lists: Option<Vec<Vec<Argument>>>) {
        let certain = !command.conditional && !self.branch.is_conditional();
        // Some other command may set it, or nobody.
        let is_first = self.lists(&name).is_none() && self.key(&name).is_none();
        let known = self.arrays.entry((self.branch.function().cloned(), name)).or_default();
        if certain {
            *known = Lists { lists, certain };
        } else {
            let before = if is_first { Some(vec![Vec::new()]) } else { known.lists.clone() };
            // What was certain of it before is one of the lists.
            known.lists = before.zip(lists).map(|(mut before, lists)| {
                before.extend(lists.into_iter().filter(|list| !before.contains(list)).collect::<Vec<_>>());
                before
            });
        }
    }
}

/// Each of these lists with each of the others behind it.
fn joined(before: &[Vec<Argument>], more: &[Vec<Argument>]) -> Vec<Vec<Argument>> {
    before.iter().flat_map(|start| more.iter().map(move |end| [start.as_slice(), end].concat())).collect()
}
