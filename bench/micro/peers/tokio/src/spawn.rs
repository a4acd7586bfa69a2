use crate::{on_worker, Case};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

async fn empty() {}

fn in_sequence(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let start = Instant::now();
        for _ in 0..count {
            tokio::spawn(empty()).await.unwrap();
        }
        start.elapsed()
    })
}

fn many(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let mut handles = Vec::with_capacity(count);
        let start = Instant::now();
        for _ in 0..count {
            handles.push(tokio::spawn(empty()));
        }
        for each in handles {
            each.await.unwrap();
        }
        start.elapsed()
    })
}

/// From a thread that is no worker.
fn from_outside(runtime: &Runtime, count: usize) -> Duration {
    let mut handles = Vec::with_capacity(count);
    let start = Instant::now();
    for _ in 0..count {
        handles.push(runtime.spawn(empty()));
    }
    // Waiting on a worker is quicker than in block_on().
    let all = runtime.spawn(async move {
        for each in handles {
            each.await.unwrap();
        }
    });
    runtime.block_on(all).unwrap();
    start.elapsed()
}

fn link(more: usize, end: oneshot::Sender<i32>) {
    tokio::spawn(async move {
        if more == 0 {
            end.send(1).unwrap();
        } else {
            link(more - 1, end);
        }
    });
}

fn chain(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let (end, ended) = oneshot::channel();
        let start = Instant::now();
        link(count - 1, end);
        ended.await.unwrap();
        start.elapsed()
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("spawn_join", 10_000, in_sequence),
        Case::new("spawn_10k", 10_000, many),
        Case::new("spawn_from_outside", 10_000, from_outside),
        Case::new("chained_spawn", 10_000, chain),
    ]
}
