//! `airbase rebase`

use serde_json::json;

use crate::support::image::{ReadBack, texts};
use crate::support::{Environment, Image, Layout, layer};

#[test]
fn the_app_layers_move_onto_the_new_base() {
    let environment = Environment::new();
    let (b1, b2, c1, a1) = (layer(&["etc/os-release=old"]), layer(&["lib/z=1"]), layer(&["etc/os-release=new"]), layer(&["app=1"]));
    let old = Image::of(&[&b1, &b2]).with("Env", json!(["PATH=/bin", "LEVEL=1"]));
    let new = Image::of(&[&c1]).with("Env", json!(["PATH=/bin:/usr/bin", "LEVEL=2"]));
    let app = old.and(&[&a1]).with("Env", json!(["PATH=/app:/bin", "LEVEL=1", "APP=yes"])).with("Cmd", json!(["/app"]));
    Layout::new().image("os:old", &old).image("os:new", &new).write(&environment.join("bases"));
    Layout::new().image("app:1", &app).write_archive(&environment.join("app.tar"));

    let outcome = environment.ok(&["rebase", "app.tar", "--bases", "bases", "--onto", "bases:os:new", "-o", "out:app:2"]);
    assert!(outcome.out.contains("rebased app.tar:app:1"), "{}", outcome.out);

    let out = ReadBack::open(&environment.join("out"));
    let manifest = out.named("app:2");
    let config = out.config(&manifest);
    assert_eq!(texts(&config["rootfs"]["diff_ids"]), [c1.diff_id(), a1.diff_id()]);
    assert_eq!(texts(&config["config"]["Env"]), ["PATH=/app:/bin:/usr/bin", "LEVEL=2", "APP=yes"]);
    assert_eq!(config["config"]["Cmd"], json!(["/app"]));
    assert_eq!(manifest["annotations"]["org.opencontainers.image.base.name"], "os:new");
    assert_eq!(manifest["annotations"]["org.opencontainers.image.base.digest"], new.digest());
}
