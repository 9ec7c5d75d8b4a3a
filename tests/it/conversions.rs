//! Any image, written in any two forms one after the other, is the same image, byte for byte.

use proptest::prelude::*;
use serde_json::json;

use crate::support::image::Compression;
use crate::support::{Contents, Environment, Image, Layer, Layout, layer};

/// What is written: a kind, and an ending where it is a file.
const FORMS: [(&str, &str); 7] = [
    ("oci:", ""),
    ("oci-archive:", ".tar"),
    ("oci-archive:", ".tar.gz"),
    ("oci-archive:", ".tar.zst"),
    ("docker-archive:", ".tar"),
    ("docker-archive:", ".tgz"),
    ("docker-archive:", ".tar.zst"),
];

/// How many of these hold several platforms.
const FOR_SEVERAL: usize = 4;

/// How layers are compressed.
const COMPRESSIONS: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

/// A layer of one file; its length is such that tar pads it or not.
fn one_layer() -> impl Strategy<Value = Layer> {
    let content = prop_oneof!["[a-z]{0,3}", "[a-z]{500,520}", "(.|\n){0,40}", "ab{20000,140000}"];
    (content, 0..COMPRESSIONS.len()).prop_map(|(content, how)| layer(&[&format!("file={content}")]).compressed(COMPRESSIONS[how]))
}

/// An image with all sorts of texts in its documents.
fn image() -> impl Strategy<Value = Image> {
    let texts = proptest::collection::btree_map("[a-z.]{1,12}", any::<String>(), 0..4);
    (proptest::collection::vec(one_layer(), 0..4), texts, any::<i64>()).prop_map(|(layers, texts, number)| {
        let mut image =
            Image::of(&layers.iter().collect::<Vec<_>>()).with("Labels", json!(texts)).with_top("vendor.extension", json!([number]));
        for (key, value) in &texts {
            image = image.annotated(key, value);
        }
        image
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// `given` is the layout that was made without airbase; each step reads what the one before wrote. With a second image it is an
    /// index of two platforms, which has no form for docker.
    #[test]
    fn any_two_forms_hold_the_same_documents(
        image in image(),
        second in proptest::option::of(image()),
        steps in (0..FORMS.len(), 0..FORMS.len()),
        given in 0..2_usize,
    ) {
        let environment = Environment::new();
        let name = "registry.example/app:1";
        let (layout, forms) = match second {
            None => (Layout::new().image(name, &image), &FORMS[..]),
            Some(second) => (Layout::new().index(name, &[&image, &second.platform("arm64")], json!({})), &FORMS[..FOR_SEVERAL]),
        };
        let given = ["given", "given.tar"][given];
        layout.write(&environment.join("given"));
        layout.write_archive(&environment.join("given.tar"));
        let mut source = given.to_owned();
        for (position, step) in [steps.0, steps.1].into_iter().enumerate() {
            let (transport, ending) = forms[step % forms.len()];
            let target = format!("{position}{ending}");
            environment.ok(&["copy", &source, &format!("{transport}{target}")]);
            let written = Contents::of(&environment.join(&target));
            // Config, manifest and layers are those that were made; nothing is missing and nothing was added.
            prop_assert_eq!(&written.blobs(), &layout.blobs, "{}", target);
            prop_assert_eq!(written.named(name), Some(layout.digest_of(name)));
            prop_assert_eq!(written.whole().len(), layout.blobs.len());
            prop_assert_eq!(written.files.contains_key("manifest.json"), transport == "docker-archive:");
            environment.ok(&["fsck", &target]);
            source = target;
        }
    }
}
