//! The search for the longest prefix, on random catalogues.

use airbase::verbs::{Context, Places, base};
use proptest::prelude::*;

use crate::support::dice::Dice;
use crate::support::image::{Compression, Layer};
use crate::support::{Environment, Image, Layout, layer};

/// A stack of layers, each one of a few contents in one of the ways to compress it. Few contents, so that stacks often share
/// their beginning and often hold a layer twice.
type Stack = Vec<(usize, usize)>;

const COMPRESSIONS: [Compression; 4] = [Compression::Gzip, Compression::GzipAgain, Compression::Zstd, Compression::None];

fn stack(layers: std::ops::Range<usize>) -> impl Strategy<Value = Stack> {
    proptest::collection::vec((0..3_usize, 0..COMPRESSIONS.len()), layers)
}

fn image(stack: &Stack) -> Image {
    let layers: Vec<Layer> =
        stack.iter().map(|(content, how)| layer(&[&format!("file={content}")]).compressed(COMPRESSIONS[*how])).collect();
    Image::of(&layers.iter().collect::<Vec<_>>()).with_top("history", serde_json::Value::Null)
}

fn contents(stack: &Stack) -> Vec<usize> {
    stack.iter().map(|(content, _)| *content).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is found is what comparing the app with every image, layer by layer, finds.
    #[test]
    fn the_base_is_the_longest_true_prefix(app in stack(1..6), catalogue in proptest::collection::vec(stack(0..6), 0..8)) {
        let environment = Environment::new();
        let (mut bases, apps) = (Layout::new(), Layout::new().image("app:1", &image(&app)));
        for (number, stack) in catalogue.iter().enumerate() {
            bases = bases.image(&format!("base:{number}"), &image(stack));
        }
        bases.write(&environment.join("bases"));
        apps.write(&environment.join("apps"));

        let text = |name: &str| environment.join(name).into_os_string().into_string().unwrap();
        let query = base::Show { image: text("apps"), places: Places::of([text("bases")]), ..base::Show::default() };
        let report = base::show(&query, Context::standard()).unwrap();
        let found = &report.platforms[0];

        // A base without layers proves nothing. One with all layers of the app, and no history that the app's goes on from, is
        // another edition of it.
        let is_prefix = |stack: &&Stack| !stack.is_empty() && stack.len() < app.len() && contents(&app).starts_with(&contents(stack));
        let expected = catalogue.iter().filter(is_prefix).map(Vec::len).max();
        prop_assert_eq!(found.base.is_some(), expected.is_some());
        prop_assert_eq!(found.base_layers, expected.unwrap_or(0));
        // All prefixes are told, each proven layer by layer: equal blobs where the digests are equal.
        let mut lengths: Vec<usize> = catalogue.iter().filter(is_prefix).map(Vec::len).collect();
        lengths.sort_unstable_by(|one, other| other.cmp(one));
        prop_assert_eq!(found.evidence.iter().map(|evidence| evidence.of).collect::<Vec<_>>(), lengths);
        for evidence in &found.evidence {
            prop_assert_eq!(evidence.proofs.len(), evidence.of);
        }
    }
}

/// Random layouts in which many images have the same layers and differ in settings and histories.
fn editions(dice: &mut Dice, count: u64) -> Vec<(Vec<u64>, Vec<String>)> {
    let mut edition = || {
        let layers: Vec<u64> = (0..=dice.below(3)).map(|_| dice.below(2)).collect();
        let mut steps: Vec<String> = layers.iter().map(|content| format!("COPY {content}")).collect();
        for _ in 0..dice.below(3) {
            steps.push(format!("ENV A={}", dice.below(2)));
        }
        steps.truncate(usize::try_from(dice.below(8)).unwrap());
        (layers, steps)
    };
    (0..count).map(|_| edition()).collect()
}

/// The images that are told as possible bases are those that comparing each image with each finds. An image has its first layers below it;
/// of those with all its layers only those whose history its own goes on from.
#[test]
fn of_images_with_the_same_layers_those_are_found_that_comparing_each_with_each_finds() {
    let mut dice = Dice::new(11);
    for round in 0..12 {
        let editions = editions(&mut dice, 14);
        let image = |number: usize, (layers, steps): &(Vec<u64>, Vec<String>)| {
            let layers: Vec<Layer> = layers.iter().map(|content| layer(&[&format!("file={content}")])).collect();
            let step = |words: &String| serde_json::json!({"created_by": words, "empty_layer": words.starts_with("ENV")});
            let image = Image::of(&layers.iter().collect::<Vec<_>>());
            image.with_top("history", steps.iter().map(step).collect()).with("Labels", serde_json::json!({"number": number.to_string()}))
        };
        let environment = Environment::new();
        let mut all = Layout::new();
        for (number, edition) in editions.iter().enumerate() {
            all = all.image(&format!("image:{number}"), &image(number, edition));
        }
        all.write(&environment.join("all"));
        let place = environment.join("all").into_os_string().into_string().unwrap();
        for (number, (layers, steps)) in editions.iter().enumerate() {
            let is_below = |(other, (below, before)): &(usize, &(Vec<u64>, Vec<String>))| {
                let goes_on = !before.is_empty() && before.len() < steps.len() && steps.starts_with(before);
                *other != number && layers.starts_with(below) && (below.len() < layers.len() || goes_on)
            };
            let mut expected: Vec<(usize, String)> = editions
                .iter()
                .enumerate()
                .filter(is_below)
                .map(|(other, (below, _))| (below.len(), format!("{place}:image:{other}")))
                .collect();
            // The longest first, and those of one length as they lie.
            expected.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
            let query =
                base::Show { image: format!("{place}:image:{number}"), places: Places::of([place.clone()]), ..base::Show::default() };
            let report = base::show(&query, Context::standard()).unwrap();
            let found: Vec<(usize, String)> =
                report.platforms[0].evidence.iter().map(|one| (one.of, one.reference.clone().unwrap_or_default())).collect();
            assert_eq!(found, expected, "round {round}, image {number} of {editions:?}");
        }
    }
}
