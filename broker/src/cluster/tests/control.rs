//! What those who propose commands see of the control thread.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;

type Answer = Result<Outcome, ClusterError>;

/// Longer than any machine takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

fn ask(handle: &ControlHandle, command: Command) -> mpsc::Receiver<Answer> {
    let (tell, answer) = mpsc::channel();
    let reply = move |outcome| tell.send(outcome).unwrap_or_default();
    handle.propose(command, Box::new(reply));
    answer
}

#[test]
fn the_image_is_published_before_the_answer_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let published = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&published);
    let publish = Box::new(move |image| sink.lock().unwrap().push(image));
    let control = Control::start(directory.path(), publish).unwrap();
    assert_eq!(control.image_at_start().cluster_id().unwrap().len(), 22);
    let handle = control.handle();
    let answers = [register(1, 1), create("a", 1, 1), create("a", 2, 1)].map(|c| ask(&handle, c));
    for (at, answer) in answers.iter().enumerate() {
        let answer = answer.recv_timeout(PATIENCE).unwrap();
        assert_eq!(answer.is_ok(), at < 2, "{answer:?}");
        if let Ok(Outcome::TopicCreated(topic)) = answer {
            let images: Vec<Arc<ClusterImage>> = published.lock().unwrap().clone();
            let newest = images.last().unwrap();
            assert_eq!(newest.topic(TopicRef::Id(topic.id)), Some(topic));
        }
    }
    control.stop();
}

#[test]
fn the_cluster_keeps_its_id_over_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let start = || Control::start(directory.path(), Box::new(|_| {})).unwrap();
    let first = start();
    let id = first.image_at_start().cluster_id().unwrap().to_owned();
    first.stop();
    let second = start();
    assert_eq!(second.image_at_start().cluster_id(), Some(id.as_str()));
    second.stop();
}

#[test]
fn what_was_queued_before_the_stop_is_carried_out_and_what_comes_later_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let control = Control::start(directory.path(), Box::new(|_| {})).unwrap();
    let handle = control.handle();
    let queued: Vec<_> = (1..100).map(|n| ask(&handle, register(1, n))).collect();
    control.stop();
    for answer in queued {
        assert!(answer.recv_timeout(PATIENCE).unwrap().is_ok());
    }
    let late = ask(&handle, register(1, 7)).recv_timeout(PATIENCE).unwrap();
    assert_eq!(late, Err(ClusterError::Stopped));
}

#[test]
fn a_full_queue_answers_at_once() {
    let directory = tempfile::tempdir().unwrap();
    // The thread is held in its first publication until the queue has been filled.
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let publish = Box::new(move |_| {
        let _ = held.lock().unwrap().recv_timeout(PATIENCE);
    });
    let control = Control::start(directory.path(), publish).unwrap();
    let handle = control.handle();
    let waiting: Vec<_> = (0..PROPOSALS_MAX + 200)
        .map(|n| ask(&handle, register(1, n as u128)))
        .collect();
    let busy = ClusterError::Busy {
        limit: PROPOSALS_MAX,
    };
    let last = waiting.last().unwrap();
    assert_eq!(last.recv_timeout(PATIENCE).unwrap(), Err(busy));
    drop(release);
    let first = waiting[0].recv_timeout(PATIENCE).unwrap();
    assert!(first.is_ok());
    control.stop();
}
