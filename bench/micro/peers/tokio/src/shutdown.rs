use crate::{runtime, Case};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

const SPAWNED_AT_ONCE: usize = 1_000;

/// The end of a runtime whose tasks all wait: each is dropped where it is.
fn shut_down<const WORKERS: usize>(_: &Runtime, count: usize) -> Duration {
    let never = Arc::new(Notify::new());
    let ending = runtime(WORKERS);
    let filled = ending.spawn(async move {
        let waiting = Arc::new(AtomicUsize::new(0));
        for spawned in (0..count).step_by(SPAWNED_AT_ONCE) {
            for _ in 0..SPAWNED_AT_ONCE {
                let (never, waiting) = (never.clone(), waiting.clone());
                tokio::spawn(async move {
                    waiting.fetch_add(1, Ordering::Relaxed);
                    never.notified().await;
                });
            }
            while waiting.load(Ordering::Relaxed) < spawned + SPAWNED_AT_ONCE {
                tokio::task::yield_now().await;
            }
        }
    });
    ending.block_on(filled).unwrap();
    let start = Instant::now();
    drop(ending);
    start.elapsed()
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::on_one_worker("shutdown_100k_tasks", 100_000, shut_down::<1>),
        Case::on_two_workers("shutdown_100k_tasks", 100_000, shut_down::<2>),
    ]
}
