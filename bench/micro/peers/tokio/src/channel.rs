use crate::{on_worker, Case};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

const CHANNEL_CAPACITY: usize = 1_000;

fn receive<const SENDERS: usize>(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let (to, mut from) = mpsc::channel::<usize>(CHANNEL_CAPACITY);
        let mut handles = Vec::with_capacity(SENDERS);
        let mut sum = 0;
        let start = Instant::now();
        for _ in 0..SENDERS {
            let to = to.clone();
            handles.push(tokio::spawn(async move {
                for i in 0..count / SENDERS {
                    to.send(i).await.unwrap();
                }
            }));
        }
        for _ in 0..count {
            sum += from.recv().await.unwrap();
        }
        let found = start.elapsed();
        black_box(sum);
        for each in handles {
            each.await.unwrap();
        }
        found
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("mpsc_1_to_1", 1_000_000, receive::<1>),
        Case::new("mpsc_4_to_1", 1_000_000, receive::<4>),
    ]
}
