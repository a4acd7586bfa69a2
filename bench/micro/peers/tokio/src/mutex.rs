use crate::{on_worker, Case};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

const CONTENDERS: usize = 4;

async fn count_up(shared: Arc<Mutex<usize>>, times: usize) {
    for _ in 0..times {
        *shared.lock().await += 1;
    }
}

fn lock_alone(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let shared = Arc::new(Mutex::new(0));
        let start = Instant::now();
        count_up(shared, count).await;
        start.elapsed()
    })
}

fn lock_together(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let shared = Arc::new(Mutex::new(0));
        let mut handles = Vec::with_capacity(CONTENDERS);
        let start = Instant::now();
        for _ in 0..CONTENDERS {
            handles.push(tokio::spawn(count_up(shared.clone(), count / CONTENDERS)));
        }
        for each in handles {
            each.await.unwrap();
        }
        start.elapsed()
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::on_one_worker("mutex_uncontended", 1_000_000, lock_alone),
        Case::on_two_workers("mutex_contended", 200_000, lock_together),
    ]
}
