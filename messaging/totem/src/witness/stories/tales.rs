//! Stories with a plot: one fault each, and what has to come of it.

use super::*;

#[test]
fn an_even_split_goes_on_in_one_half() {
    let mut world = World::new(4, Algorithm::HalfSplit, 1);
    world.settle();
    world.cut(&[1, 2], &[3, 4]);
    world.until("one half goes on", Span::secs(3), |w| w.quorate(&[1, 2]));
    world.run(Span::secs(30));
    assert!(world.quorate(&[1, 2]) && !world.hosts[&3].status.quorate, "{}", world.tell());
    world.cuts.clear();
    world.settle();
}

#[test]
fn the_survivor_of_two_acts_as_soon_as_it_notices() {
    for (victim, survivor) in [(1, 2), (2, 1)] {
        let mut world = World::new(2, Algorithm::HalfSplit, u64::from(victim));
        world.settle();
        world.run(Span::secs(5));
        world.crash(victim);
        let took = world.until("the survivor acts", Span::secs(3), |w| w.quorate(&[survivor]));
        assert!(took <= 1_300, "{took} ms");
        world.run(Span::secs(30));
        assert!(world.quorate(&[survivor]));
        // Back again, and the other way round.
        world.restart(victim, true);
        world.settle();
        world.crash(survivor);
        let took = world.until("the other acts", Span::secs(3), |w| w.quorate(&[victim]));
        assert!(took <= 1_300, "{took} ms");
    }
}

#[test]
fn a_clean_leave_is_no_reason_to_wait() {
    let mut world = World::new(2, Algorithm::HalfSplit, 3);
    world.settle();
    let now = Now::new(world.local(1), Wall(0));
    world.hosts.get_mut(&1).unwrap().ring.handle(now, Input::Leave);
    world.drain(1);
    let took = world.until("the other acts", Span::secs(3), |w| w.quorate(&[2]));
    assert!(took <= 500, "{took} ms");
}

#[test]
fn without_a_word_from_the_witness_the_votes_last_for_the_lease_only() {
    let mut world = World::new(2, Algorithm::HalfSplit, 4);
    world.settle();
    world.crash(2);
    world.until("the survivor acts", Span::secs(3), |w| w.quorate(&[1]));
    world.cut(&[1], &[W]);
    world.run(Span::secs(9));
    assert!(world.quorate(&[1]), "a lease lasts ten seconds");
    world.until("the lease ends", Span::secs(2), |w| !w.hosts[&1].status.quorate);
    world.cuts.clear();
    let took = world.until("it acts again", Span::secs(3), |w| w.quorate(&[1]));
    assert!(took <= 1_000, "{took} ms");
}

#[test]
fn a_lease_that_may_run_is_waited_for() {
    let mut world = World::new(2, Algorithm::HalfSplit, 5);
    world.settle();
    world.crash(1);
    world.until("node 2 acts", Span::secs(3), |w| w.quorate(&[2]));
    // Node 2 goes on unseen, node 1 boots alone.
    world.cut(&[2], &[W, 1]);
    world.restart(1, true);
    world.run(Span::secs(9));
    assert!(world.quorate(&[2]) && !world.hosts[&1].status.quorate);
    world.until("node 2 gives up first", Span::secs(2), |w| !w.hosts[&2].status.quorate);
    assert!(!world.hosts[&1].status.quorate);
    world.until("then node 1 acts", Span::secs(4), |w| w.quorate(&[1]));
}

#[test]
fn a_restart_of_the_witness_changes_nothing() {
    for lost in [false, true] {
        let mut world = World::new(2, Algorithm::HalfSplit, 6);
        world.settle();
        world.crash(2);
        world.until("the survivor acts", Span::secs(3), |w| w.quorate(&[1]));
        world.kill_witness();
        if lost {
            world.disk = None;
        }
        world.run(Span::secs(5));
        world.start_witness();
        for _ in 0..40 {
            world.run(Span::secs(1));
            assert!(world.quorate(&[1]), "disk lost: {lost}");
        }
        // What the witness learned anew keeps others out.
        world.cut(&[1], &[2]);
        world.restart(2, true);
        world.run(Span::secs(40));
        assert!(world.quorate(&[1]) && !world.hosts[&2].status.quorate);
    }
}

#[test]
fn a_split_without_a_witness_waits_for_it() {
    let mut world = World::new(4, Algorithm::HalfSplit, 7);
    world.settle();
    world.kill_witness();
    world.run(Span::secs(5));
    world.cut(&[1, 2], &[3, 4]);
    world.run(Span::secs(20));
    assert!(world.hosts.values().all(|h| !h.status.quorate));
    world.start_witness();
    world.until("one half acts", Span::secs(5), |w| w.quorate(&[1, 2]));
}

#[test]
fn a_hanging_witness_delays_no_view() {
    let mut world = World::new(4, Algorithm::HalfSplit, 8);
    world.settle();
    world.hung = true;
    world.crash(4);
    let took = world.until("three act", Span::secs(3), |w| w.quorate(&[1, 2, 3]));
    assert!(took <= 1_200, "{took} ms");
    world.hosts.get_mut(&3).unwrap().up = false;
    let took = world.until("a view of two", Span::secs(3), |w| w.hosts[&1].members == [1, 2]);
    assert!(took <= 1_200, "{took} ms");
    assert!(!world.hosts[&1].status.quorate);
}

#[test]
fn the_last_man_stands() {
    let mut world = World::new(4, Algorithm::LastManStanding, 9);
    world.settle();
    let mut left = vec![1, 2, 3, 4];
    for victim in [3, 1, 4] {
        world.crash(victim);
        left.retain(|id| *id != victim);
        world.until("the rest acts", Span::secs(6), |w| w.quorate(&left));
        world.run(Span::secs(15));
        assert!(world.quorate(&left), "{}", world.tell());
    }
    world.cut(&[2], &[1, 3, 4]);
    for id in [1, 3, 4] {
        world.restart(id, true);
    }
    world.until("the larger part takes over", Span::secs(20), |w| w.quorate(&[1, 3, 4]));
    assert!(!world.hosts[&2].status.quorate);
}

#[test]
fn a_restarted_daemon_gets_its_votes_back_at_once() {
    let mut world = World::new(2, Algorithm::HalfSplit, 10);
    world.settle();
    world.crash(2);
    world.until("the survivor acts", Span::secs(3), |w| w.quorate(&[1]));
    world.crash(1);
    world.restart(1, false);
    let took = world.until("it acts again", Span::secs(3), |w| w.quorate(&[1]));
    assert!(took <= 600, "{took} ms");
}

#[test]
fn a_grant_is_told_only_when_it_is_on_disk() {
    nobody_acts_before_the_grant_is_on_disk();
}

pub(super) fn nobody_acts_before_the_grant_is_on_disk() {
    let mut world = World::new(2, Algorithm::HalfSplit, 12);
    world.settle();
    // Long enough that no chance makes it short.
    world.disk_delay = 1_000_000_000;
    world.crash(2);
    world.until("the grant to be on its way to the disk", Span::secs(3), |w| w.writing.is_some());
    world.run(Span::secs(2));
    assert!(world.writing.is_some() && !world.hosts[&1].status.quorate, "told before it is on disk");
    world.writing.as_mut().unwrap().0 = world.now;
    world.until("it acts once it is", Span::secs(1), |w| w.quorate(&[1]));
}

/// From now on the answers of the witness to these hosts take so many seconds, without ever leaving out so many that
/// the contact would be lost.
fn answers_take(world: &mut World, seconds: u64, hosts: &[u32]) {
    for step in 1..=2 * seconds {
        world.detours = hosts.iter().map(|host| (*host, step * 500_000)).collect();
        world.run(Span::secs(1));
    }
    world.run(Span::secs(seconds));
}

#[test]
fn a_lease_runs_from_the_question_on() {
    no_answer_lengthens_a_lease_by_its_way();
}

pub(super) fn no_answer_lengthens_a_lease_by_its_way() {
    let mut world = World::new(2, Algorithm::HalfSplit, 13);
    world.settle();
    world.crash(1);
    world.until("node 2 acts", Span::secs(3), |w| w.quorate(&[2]));
    answers_take(&mut world, 5, &[2]);
    assert!(world.quorate(&[2]), "{}", world.tell());
    // Node 1 boots alone; node 2 goes on unheard, and hears most answers that are still under way.
    world.cut(&[2], &[1]);
    world.cuts.insert((2, W));
    world.restart(1, true);
    world.run(Span::millis(4_500));
    world.cuts.insert((W, 2));
    // The check in every step finds two that act.
    world.until("node 1 acts after the lease", Span::secs(15), |w| w.quorate(&[1]));
    world.run(Span::secs(10));
}

#[test]
fn silence_about_a_grant_gives_nothing_up() {
    who_has_not_heard_of_a_grant_may_still_count_it();
}

pub(super) fn who_has_not_heard_of_a_grant_may_still_count_it() {
    let mut world = World::new(4, Algorithm::HalfSplit, 14);
    world.settle();
    answers_take(&mut world, 2, &[1, 2]);
    world.cut(&[1, 2], &[3, 4]);
    let empty = encode_records(&[]);
    world.until("a grant is on disk", Span::secs(6), |w| w.disk.as_ref().is_some_and(|disk| *disk != empty));
    // Nodes 1 and 2 say something once more before they hear of it, and are not heard then.
    world.run(Span::millis(300));
    world.cuts.extend([(1, W), (2, W)]);
    world.until("nodes 1 and 2 act", Span::secs(5), |w| w.quorate(&[1, 2]));
    // The check in every step finds two parts that act.
    world.until("the others act after the lease", Span::secs(20), |w| w.quorate(&[3, 4]));
    world.run(Span::secs(10));
}

#[test]
fn a_paused_holder_does_not_act_on_when_it_wakes() {
    let mut world = World::new(2, Algorithm::HalfSplit, 11);
    world.settle();
    world.crash(2);
    world.until("node 1 acts", Span::secs(3), |w| w.quorate(&[1]));
    world.hosts.get_mut(&1).unwrap().paused = true;
    world.restart(2, true);
    world.until("node 2 acts after the lease", Span::secs(20), |w| w.quorate(&[2]));
    world.hosts.get_mut(&1).unwrap().paused = false;
    // The check in every step finds two holders if it acts on.
    world.settle();
}
