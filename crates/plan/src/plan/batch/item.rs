//! The lines of a plan.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::foundation::{Code, Digest, Error, Fact, Finding, Result};
use crate::plan::verdict::{Answer, Patched};

/// The first line: what the plan is, and what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// `airbase.batch-plan/v1`.
    pub schema: String,
    /// The version of airbase that made it.
    pub version: String,
    /// What was asked for.
    pub settings: Settings,
    /// The beginning of a digest of the rest of the line, by which an edit is found.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seal: String,
}

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The paths of the images, as given.
    pub inputs: Vec<String>,
    /// Where bases lie.
    pub bases: Vec<String>,
    /// The rules of `--map`.
    #[serde(default)]
    pub map: Vec<String>,
    /// The globs of `--only`.
    #[serde(default)]
    pub only: Vec<String>,
    /// How far a base may jump; absent if only to what its own name means now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<String>,
    /// Whether a base may be older than the one before.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// The pattern of the results' names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The texts of `--prefer`.
    #[serde(default)]
    pub prefer: Vec<String>,
    /// What was done with images that would not run; absent where nobody asked yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// The codes of `--accept`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
    /// The rules of `--policy`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy: Vec<String>,
    /// The texts of `--deny`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// The texts of `--platform`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// What becomes of an index of which some platforms are not here; absent if it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sparse: Option<String>,
}

/// What is to happen with an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemStatus {
    /// It moves.
    Move,
    /// It is based on that base already.
    Current,
    /// Others are based on it, and it is based on nothing here.
    Base,
    /// It cannot be moved.
    Refused,
    /// It could be moved if its base could.
    Held,
}

impl ItemStatus {
    /// As it is shown to users.
    pub fn name(self) -> &'static str {
        match self {
            Self::Move => "move",
            Self::Current => "current",
            Self::Base => "base",
            Self::Refused => "refused",
            Self::Held => "held",
        }
    }
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// What the item is called in journals and reports: sixteen digits, from the name of the result and the digest of the image.
    pub key: String,
    /// What is to happen.
    pub status: ItemStatus,
    /// The image, as a reference.
    pub image: String,
    /// The layout or archive that it lies in, as given.
    pub source: String,
    /// Its name there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its digest.
    pub digest: Digest,
    /// The name of the result; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Its place in its chain: 0 if its new base is there, 1 if that is the result of an item of place 0, and so on.
    #[serde(default)]
    pub level: usize,
    /// Each platform that is moved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Placed>,
    /// The platforms that are not here and were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
    /// What must come out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Expected>,
    /// The layers of the image's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerItem>,
    /// Why it is not moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Whether it still runs: the worst of its platforms; absent if that was not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Answer>,
    /// Whether the fixes of the new base reach the app: the worst of its platforms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patched: Option<Patched>,
    /// What should be known though it is moved: the codes of warnings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What it was built from, so that somebody can build it again.
    #[serde(default, skip_serializing_if = "Origin::is_empty")]
    pub origin: Origin,
    /// The beginning of a digest of the rest of the line, by which an edit is found.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seal: String,
}

impl Item {
    /// Adds the code of something that should be known.
    pub fn warn(&mut self, code: Code) {
        self.warnings.push(code.slug().to_owned());
        self.warnings.sort_unstable();
        self.warnings.dedup();
    }
}

/// One platform of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    /// The platform, for users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The manifest, unless it is the image itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// How many layers belong to the old base.
    pub seam: usize,
    /// Where the old base was learned from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clue: Option<String>,
    /// The old base; absent if it is not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<BaseItem>,
    /// The new base.
    pub new: BaseItem,
    /// The name of the new base that the result records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_name: Option<String>,
    /// Why that is the new base, where there was a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether it still runs; absent if that was not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Answer>,
    /// Whether the fixes of the new base reach the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patched: Option<Patched>,
    /// The gravest reasons of the verdict, for users.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// The codes of findings that break it and were accepted; the result records them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
}

impl Placed {
    /// The codes of what was accepted.
    ///
    /// # Errors
    /// `batch.plan_invalid` for a code that nobody knows.
    pub fn accepted(&self) -> Result<BTreeSet<Code>> {
        let code = |slug: &String| {
            Code::from_slug(slug).ok_or_else(|| {
                Error::new(Code::BatchPlanInvalid, "the plan accepts findings that nobody knows").found(Fact::new(slug, "the plan"))
            })
        };
        self.accepted.iter().map(code).collect()
    }

    /// Whether it would be moved against its verdict.
    pub fn is_refused(&self) -> bool {
        self.verdict == Some(Answer::Breaks) && self.accepted.is_empty()
    }
}

/// A base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BaseItem {
    /// The layout or archive that it lies in; absent if it is the result of another item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The item whose result it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its digest: of the index, or of the manifest if there is none.
    pub digest: Digest,
    /// Its manifest for the platform, unless that is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
}

/// What must come out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expected {
    /// The digest.
    pub digest: Digest,
    /// The media type.
    pub media_type: String,
    /// The size of the document in bytes.
    pub size: u64,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerItem {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// Why an image is not moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The stable code.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// Further lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// What can be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl Reason {
    /// What stopped it.
    pub fn of(finding: &Finding) -> Self {
        let mut details = finding.details.clone();
        for (fact, word) in [(&finding.expected, "expected"), (&finding.found, "found")] {
            details.extend(fact.as_ref().map(|fact| format!("{word} {} ({})", fact.value, fact.from)));
        }
        let hints = if finding.hints.is_empty() { vec![finding.code.next().to_owned()] } else { finding.hints.clone() };
        Self { code: finding.code.slug().to_owned(), message: finding.message.clone(), details, hints }
    }
}

/// What an image says it was built from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// Where its source is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The revision of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The version of the software.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Origin {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How many items of a plan are of each standing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// How many images move.
    #[serde(rename = "move")]
    pub moves: usize,
    /// How many are based on their new base already.
    pub current: usize,
    /// How many are bases themselves.
    pub base: usize,
    /// How many are refused.
    pub refused: usize,
    /// How many wait for a base that is refused.
    pub held: usize,
}

impl Counts {
    /// Whether `whole` has as many images of each standing, or more: lines may have been deleted.
    pub fn is_part_of(&self, whole: &Self) -> bool {
        let all = |counts: &Self| [counts.moves, counts.current, counts.base, counts.refused, counts.held];
        all(self).into_iter().zip(all(whole)).all(|(own, all)| own <= all)
    }

    /// Counts an item.
    pub fn count(&mut self, standing: ItemStatus) {
        *match standing {
            ItemStatus::Move => &mut self.moves,
            ItemStatus::Current => &mut self.current,
            ItemStatus::Base => &mut self.base,
            ItemStatus::Refused => &mut self.refused,
            ItemStatus::Held => &mut self.held,
        } += 1;
    }
}

/// The last line. A plan without it was cut off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// How many items are of each standing.
    #[serde(flatten)]
    pub counts: Counts,
    /// How many were not asked for with `--only`.
    #[serde(default)]
    pub not_chosen: usize,
    /// What could not be read, and is not among the items.
    #[serde(default)]
    pub unreadable: Vec<Reason>,
    /// The beginning of a digest of the rest of the line, by which an edit is found.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seal: String,
}
