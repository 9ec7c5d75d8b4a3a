//! Progress on standard error: one line on a terminal, or JSON Lines.
//!
//! A JSON line is `{"stage":"verify","items":3,"itemsDone":1,"bytes":1000,"bytesDone":400,"bytesPerSecond":200,"secondsLeft":3}`;
//! the last one of a stage has everything done.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::foundation::clock::Stopwatch;
use crate::foundation::event::Events;
use crate::foundation::text;

/// How often something is shown.
const INTERVAL: Duration = Duration::from_millis(100);
/// A stage shorter than this shows nothing on a terminal.
const PATIENCE: Duration = Duration::from_millis(400);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Silent,
    Bar,
    Json,
}

#[derive(Debug)]
struct Stage {
    name: String,
    items: u64,
    bytes: u64,
    watch: Stopwatch,
    shown: Duration,
    drawn: bool,
}

/// Listens to the library and tells the user.
#[derive(Debug)]
pub(super) struct Meter {
    style: Style,
    stage: Mutex<Option<Stage>>,
    items_done: AtomicU64,
    bytes_done: AtomicU64,
}

impl Meter {
    fn new(style: Style) -> Self {
        Self { style, stage: Mutex::new(None), items_done: AtomicU64::new(0), bytes_done: AtomicU64::new(0) }
    }

    pub(super) fn silent() -> Self {
        Self::new(Style::Silent)
    }

    pub(super) fn bar() -> Self {
        Self::new(Style::Bar)
    }

    pub(super) fn json() -> Self {
        Self::new(Style::Json)
    }

    fn show(&self, last: bool) {
        // Another thread is showing: this change will be in its next line.
        let Ok(mut guard) = self.stage.try_lock() else { return };
        let Some(stage) = guard.as_mut() else { return };
        let elapsed = stage.watch.elapsed();
        if !last && elapsed.saturating_sub(stage.shown) < INTERVAL {
            return;
        }
        stage.shown = elapsed;
        let (items, bytes) = (self.items_done.load(Ordering::Relaxed), self.bytes_done.load(Ordering::Relaxed));
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = bytes.saturating_mul(1000) / milliseconds;
        let left = stage.bytes.saturating_sub(bytes).checked_div(rate).unwrap_or(0);
        let line = match self.style {
            Style::Silent => return,
            Style::Json => text::json(&format!(
                "{}\n",
                serde_json::json!({ "stage": stage.name, "items": stage.items, "itemsDone": items, "bytes": stage.bytes, "bytesDone": bytes, "bytesPerSecond": rate, "secondsLeft": left })
            ))
            .into_owned(),
            Style::Bar if last => {
                if !stage.drawn {
                    return;
                }
                "\r\u{1b}[K".to_owned()
            }
            Style::Bar if elapsed < PATIENCE => return,
            Style::Bar => {
                stage.drawn = true;
                // A batch copies bases too, which nobody counted beforehand.
                let percent = (bytes.saturating_mul(100)).checked_div(stage.bytes).unwrap_or(0).min(100);
                format!(
                    "\r\u{1b}[K{} {percent:>3}%  {} of {}  {} of {}  {}/s  {left} s left",
                    stage.name,
                    items,
                    stage.items,
                    text::bytes(bytes),
                    text::bytes(stage.bytes),
                    text::bytes(rate)
                )
            }
        };
        // Progress that nobody can read is no reason to stop.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

impl Events for Meter {
    fn begin(&self, stage: &str, items: u64, bytes: u64) {
        if self.style == Style::Silent {
            return;
        }
        self.items_done.store(0, Ordering::Relaxed);
        self.bytes_done.store(0, Ordering::Relaxed);
        if let Ok(mut guard) = self.stage.lock() {
            *guard = Some(Stage { name: stage.to_owned(), items, bytes, watch: Stopwatch::start(), shown: Duration::ZERO, drawn: false });
        }
    }

    fn bytes(&self, bytes: u64) {
        if self.style != Style::Silent {
            self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
            self.show(false);
        }
    }

    fn item(&self) {
        if self.style != Style::Silent {
            self.items_done.fetch_add(1, Ordering::Relaxed);
            self.show(false);
        }
    }

    fn end(&self) {
        if self.style != Style::Silent {
            self.show(true);
            if let Ok(mut guard) = self.stage.lock() {
                *guard = None;
            }
        }
    }
}
