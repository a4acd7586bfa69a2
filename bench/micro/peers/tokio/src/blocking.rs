use crate::{on_worker, Case};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

fn call_in_sequence(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let start = Instant::now();
        for _ in 0..count {
            tokio::task::spawn_blocking(|| {}).await.unwrap();
        }
        start.elapsed()
    })
}

pub fn cases() -> Vec<Case> {
    vec![Case::new("spawn_blocking", 2_000, call_in_sequence)]
}
