use crate::{on_worker, Case};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const YIELDING_TASKS: usize = 200;

fn yields(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let mut handles = Vec::with_capacity(YIELDING_TASKS);
        let start = Instant::now();
        for _ in 0..YIELDING_TASKS {
            handles.push(tokio::spawn(async move {
                for _ in 0..count / YIELDING_TASKS {
                    tokio::task::yield_now().await;
                }
            }));
        }
        for each in handles {
            each.await.unwrap();
        }
        start.elapsed()
    })
}

pub fn cases() -> Vec<Case> {
    vec![Case::new("yield", YIELDING_TASKS * 1_000, yields)]
}
