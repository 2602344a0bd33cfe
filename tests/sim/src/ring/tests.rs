//! Small worlds with one fault each, and a bounded number of seeds.

use holdfast_totem::config::Sealing;
use holdfast_totem::io::LeaveReason;
use holdfast_totem::log::Event;
use holdfast_totem::time::{Instant, Span};
use holdfast_totem::{Guarantee, Input, Key, Output};

use crate::net::{Scope, Weather};
use crate::ring::faults::{ALL, Trouble};
use crate::ring::run::{Total, draw, play, play_with_bug, run, schedule};
use crate::ring::sabotage::{BUGS, names};
use crate::ring::schedule::parse;
use crate::ring::world::{Settings, World, key};

/// Rings of all sizes up to 384 nodes are run: `HOLDFAST_SIM_LARGE=1`.
fn is_large() -> bool {
    std::env::var_os("HOLDFAST_SIM_LARGE").is_some()
}

fn settings(hosts: usize) -> Settings {
    Settings::plain(hosts)
}

fn started(settings: Settings) -> World {
    let hosts = settings.hosts;
    let mut world = World::new(7, settings);
    for host in 0..hosts {
        world.start(host);
    }
    world
}

fn run_for(world: &mut World, millis: u64) {
    let at = world.now + Span::millis(millis);
    world.run_until(at);
}

fn members(world: &World, host: usize) -> Vec<u32> {
    world.checker.view(host).map(|v| v.members.iter().map(|m| m.id.0).collect()).unwrap_or_default()
}

#[test]
fn three_nodes_form_order_survive_a_crash_and_merge_after_a_partition() {
    let mut world = started(settings(3));
    run_for(&mut world, 300);
    assert_eq!(members(&world, 0), [1, 2, 3]);
    for n in 0..50 {
        for host in 0..3 {
            assert!(world.say(host, if n % 5 == 0 { Guarantee::Safe } else { Guarantee::Agreed }, n * 40));
        }
        run_for(&mut world, 1);
    }
    run_for(&mut world, 100);
    assert_eq!(world.checker.deliveries, 450);
    world.crash(2);
    run_for(&mut world, 1_200);
    assert_eq!(members(&world, 0), [1, 2], "token + 200 ms after the crash");
    assert!(world.checker.view(0).is_some_and(|v| v.quorum.quorate));
    world.start(2);
    run_for(&mut world, 300);
    assert_eq!(members(&world, 2), [1, 2, 3], "joined within 300 ms");
    let cuts: Vec<_> = [(0, 1), (0, 2), (1, 0), (2, 0)]
        .map(|(a, b)| world.net.begin(Weather::Cut, Scope { from: Some(a), to: Some(b), link: None }))
        .into();
    run_for(&mut world, 2_000);
    assert_eq!((members(&world, 0), members(&world, 1)), (vec![1], vec![2, 3]));
    world.say(1, Guarantee::Safe, 10);
    world.say(0, Guarantee::Agreed, 10);
    cuts.into_iter().for_each(|id| world.net.end(id));
    run_for(&mut world, 1_000);
    assert_eq!(members(&world, 0), [1, 2, 3]);
    let now = world.now;
    world.checker.check_end(now, 3);
    assert_eq!(world.checker.violations, Vec::<String>::new());
}

fn cut(world: &mut World, from: usize, to: usize) -> u64 {
    world.net.begin(Weather::Cut, Scope { from: Some(from), to: Some(to), link: None })
}

fn finished(mut world: World, hosts: usize) {
    let now = world.now;
    world.checker.check_end(now, hosts);
    assert_eq!(world.checker.violations, Vec::<String>::new());
}

fn formed(hosts: usize) -> World {
    let mut world = started(settings(hosts));
    run_for(&mut world, 300);
    assert_eq!(members(&world, 0).len(), hosts);
    world
}

fn first(world: &World, wanted: impl Fn(&Output) -> bool) -> Option<(Instant, usize)> {
    let seen = world.seen.as_ref()?;
    seen.iter().find(|(_, _, output)| wanted(output)).map(|(at, host, _)| (*at, *host))
}

#[test]
fn a_crash_costs_the_token_time_out_and_little_more() {
    for (hosts, token) in [(3, 1_000), (3, 3_000), (5, 1_000)] {
        let mut world = started(Settings { token: Span::millis(token), ..settings(hosts) });
        run_for(&mut world, 1_300);
        world.crash(hosts - 1);
        run_for(&mut world, token + 200);
        assert_eq!(members(&world, 0).len(), hosts - 1, "{hosts} nodes, token {token}");
    }
}

#[test]
fn a_clean_leave_takes_milliseconds_and_is_known_as_such() {
    let mut world = formed(3);
    world.say(1, Guarantee::Safe, 10);
    world.leave(2);
    run_for(&mut world, 100);
    assert_eq!(members(&world, 0), [1, 2]);
    let view = world.checker.view(0).unwrap();
    assert_eq!(view.left_cleanly, view.left);
    finished(world, 2);
}

#[test]
fn a_quick_restart_is_a_leave_and_a_join() {
    let mut world = formed(3);
    world.crash(2);
    run_for(&mut world, 100);
    world.start(2);
    run_for(&mut world, 300);
    let incarnation = world.machines[2].ring.as_ref().map(|r| r.incarnation());
    let member = world.checker.view(0).and_then(|v| v.members.iter().find(|m| m.id.0 == 3).cloned());
    assert_eq!(members(&world, 2), [1, 2, 3]);
    assert_eq!(member.map(|m| m.incarnation), incarnation);
    finished(world, 3);
}

#[test]
fn partial_and_one_way_cuts_settle_and_stay_settled() {
    for cuts in [vec![(0, 2), (2, 0)], vec![(0, 2)], vec![(2, 0)], vec![(0, 1), (1, 0), (2, 3), (3, 2)]] {
        let mut world = formed(4);
        let ids: Vec<u64> = cuts.iter().map(|(a, b)| cut(&mut world, *a, *b)).collect();
        run_for(&mut world, 4_000);
        let rings: Vec<_> = (0..4).map(|h| world.checker.view(h).map(|v| v.ring)).collect();
        let views = world.checker.views;
        run_for(&mut world, 20_000);
        let later: Vec<_> = (0..4).map(|h| world.checker.view(h).map(|v| v.ring)).collect();
        assert_eq!((rings, views), (later, world.checker.views), "{cuts:?} goes on changing");
        ids.into_iter().for_each(|id| world.net.end(id));
        run_for(&mut world, 2_000);
        finished(world, 4);
    }
}

#[test]
fn one_of_two_links_is_cut_and_nothing_is_lost() {
    let mut world = started(Settings { links: 2, ..settings(3) });
    run_for(&mut world, 500);
    let views = world.checker.views;
    world.net.begin(Weather::Cut, Scope { from: None, to: None, link: Some(0) });
    let mut worst = 0;
    for n in 0..200_u64 {
        let (before, mut waited) = (world.checker.deliveries, 0);
        world.say(usize::try_from(n % 3).unwrap(), Guarantee::Agreed, 100);
        while world.checker.deliveries < before + 3 && waited < 1_000 {
            run_for(&mut world, 1);
            waited += 1;
        }
        worst = worst.max(waited);
    }
    assert!(worst <= 200, "longest gap {worst} ms");
    assert_eq!(world.checker.views, views, "no change of the membership");
    finished(world, 3);
}

#[test]
fn a_paused_node_blames_nobody() {
    let mut world = formed(3);
    world.pause(1, Span::millis(700));
    run_for(&mut world, 2_000);
    assert_eq!(world.checker.views, 3, "a pause shorter than the token changes nothing");
    world.pause(1, Span::secs(5));
    run_for(&mut world, 4_000);
    assert_eq!(members(&world, 0), [1, 3]);
    run_for(&mut world, 3_000);
    assert_eq!(members(&world, 1), [1, 2, 3]);
    finished(world, 3);
}

#[test]
fn a_hung_core_makes_the_ring_leave_uncleanly() {
    let mut world = World::new(3, settings(3));
    world.reconfigure(|config| config.require_progress = true);
    world.seen = Some(Vec::new());
    (0..3).for_each(|host| world.start(host));
    for _ in 0..12 {
        run_for(&mut world, 500);
        (0..2).for_each(|host| world.input(host, Input::Progress));
    }
    assert_eq!(members(&world, 0), [1, 2]);
    assert!(world.checker.view(0).unwrap().left_cleanly.is_empty());
    let left = first(&world, |o| matches!(o, Output::Left(LeaveReason::NoProgress)));
    assert_eq!(left.map(|(_, host)| host), Some(2));
}

#[test]
fn a_clone_is_refused_and_both_hosts_are_named() {
    let mut world = World::new(3, settings(4));
    world.reconfigure(|config| config.members.truncate(3));
    world.seen = Some(Vec::new());
    (0..3).for_each(|host| world.start(host));
    run_for(&mut world, 500);
    let (views, begin) = (world.checker.views, world.now);
    world.machines[3].claims = Some(2);
    world.start(3);
    run_for(&mut world, 2_000);
    assert_eq!(world.checker.views, views, "the cluster does not notice");
    let named = first(&world, |o| matches!(o, Output::DuplicateIdentity(d) if !d.ours)).unwrap();
    assert!(named.0.since(begin) <= Span::secs(2) && named.1 < 3);
    let seen = world.seen.take().unwrap();
    let refused = seen.iter().find_map(|(_, host, output)| match output {
        Output::Left(LeaveReason::Duplicate(duplicate)) => Some((*host, duplicate.clone())),
        _ => None,
    });
    let (host, duplicate) = refused.expect("the clone leaves");
    assert_eq!((host, duplicate.node.0, duplicate.ours), (3, 3, true));
    assert_ne!(duplicate.incumbent.machine_id, duplicate.newcomer.machine_id);
    finished(world, 3);
}

#[test]
fn keys_rotate_under_traffic() {
    let mut world = formed(3);
    world.seen = Some(Vec::new());
    let old = key(false);
    for host in 0..3 {
        for _ in 0..20 {
            world.say(host, Guarantee::Agreed, 300);
            run_for(&mut world, 2);
        }
        world.rekey(host);
    }
    for n in 0..800 {
        world.say(n % 3, Guarantee::Safe, 300);
        run_for(&mut world, 10);
    }
    let count = |event: &Event| {
        let seen = world.seen.as_ref().unwrap();
        seen.iter().filter(|(_, _, o)| matches!(o, Output::Log(e) if e == event)).count()
    };
    assert_eq!((count(&Event::KeyActive), count(&Event::KeyRetired)), (3, 3));
    assert_eq!(world.checker.views, 3, "no change of the membership");
    // Who comes back with the old key is told so; with the new one it is in.
    world.crash(2);
    run_for(&mut world, 1_500);
    world.machines[2].key = old;
    world.start(2);
    run_for(&mut world, 1_000);
    let retired = first(&world, |o| matches!(o, Output::Left(LeaveReason::KeyRetired)));
    assert_eq!(retired.map(|(_, host)| host), Some(2));
    world.machines[2].key = key(true);
    world.start(2);
    run_for(&mut world, 1_000);
    finished(world, 3);
}

#[test]
fn a_third_key_waits_until_the_second_is_everywhere() {
    let mut world = formed(3);
    world.seen = Some(Vec::new());
    let third = Key::new(&[9; 256]).unwrap();
    let takes = |world: &World, host: usize| world.machines[host].ring.as_ref().unwrap().takes_key(&third);
    // Nobody else has read it yet: it may be replaced, and the one that was meant is taken.
    world.input(0, Input::Rekey(Key::new(&[8; 256]).unwrap()));
    assert!(takes(&world, 0));
    world.rekey(0);
    run_for(&mut world, 500);
    world.rekey(1);
    run_for(&mut world, 500);
    // Others know of it, and may send with it at any moment.
    assert!(!takes(&world, 0) && !takes(&world, 1) && takes(&world, 2));
    world.input(0, Input::Rekey(third.clone()));
    world.rekey(2);
    run_for(&mut world, 8_000);
    let count = |world: &World, event: &Event| {
        let seen = world.seen.as_ref().unwrap();
        seen.iter().filter(|(_, _, o)| matches!(o, Output::Log(e) if e == event)).count()
    };
    assert_eq!((count(&world, &Event::KeyActive), count(&world, &Event::KeyRetired)), (3, 3));
    for host in 0..3 {
        assert!(takes(&world, host));
        world.input(host, Input::Rekey(third.clone()));
        world.machines[host].key = third.clone();
    }
    run_for(&mut world, 8_000);
    assert_eq!((count(&world, &Event::KeyActive), count(&world, &Event::KeyRetired)), (6, 6));
    assert_eq!(world.checker.views, 3, "no change of the membership");
    finished(world, 3);
}

#[test]
fn frames_beyond_the_end_of_the_numbers_are_in_a_new_ring() {
    let sequence = Some((u64::from(u32::MAX) - 5, u64::from(u32::MAX) + 40));
    let mut world = started(Settings { sequence, ..settings(3) });
    run_for(&mut world, 300);
    for n in 0..200 {
        world.say(n % 3, Guarantee::Agreed, 1_000);
        run_for(&mut world, 5);
    }
    run_for(&mut world, 500);
    assert!(world.checker.views > 6);
    finished(world, 3);
}

#[test]
fn large_and_small_messages_share_the_ring() {
    let mut world = formed(3);
    for host in 0..3 {
        assert!(world.say(host, Guarantee::Safe, (1 << 20) - 24));
        for _ in 0..500 {
            assert!(world.say(host, Guarantee::Agreed, 40));
        }
    }
    run_for(&mut world, 2_000);
    assert_eq!(world.checker.deliveries, 3 * 3 * 501);
    finished(world, 3);
}

#[test]
fn a_path_that_swallows_large_datagrams_is_found() {
    let mut world = formed(3);
    world.net.begin(Weather::Mtu(1_300), Scope { from: Some(0), ..Scope::default() });
    for n in 0..300 {
        world.say(n % 3, Guarantee::Agreed, 3_000);
        run_for(&mut world, 10);
    }
    run_for(&mut world, 2_000);
    assert_eq!(world.checker.deliveries, 900);
    assert_eq!(world.checker.views, 3, "no change of the membership");
    finished(world, 3);
}

#[test]
fn an_idle_ring_is_quiet_and_wakes_up_at_once() {
    let mut world = formed(3);
    run_for(&mut world, 1_000);
    let before = world.datagrams;
    run_for(&mut world, 10_000);
    let rate = (world.datagrams - before) / 10;
    assert!(rate < 60, "{rate} datagrams a second by three idle nodes");
    for host in [0, 2, 1, 1] {
        let before = world.checker.deliveries;
        world.say(host, Guarantee::Agreed, 64);
        run_for(&mut world, 1);
        assert_eq!(world.checker.deliveries, before + 3, "within 1 ms");
        run_for(&mut world, 500);
    }
    finished(world, 3);
}

#[test]
fn large_rings_form_and_order_messages() {
    let all = is_large();
    let sizes: &[(usize, u64)] = if all {
        &[(16, 1_000), (64, 3_000), (128, 3_000), (384, 3_000)]
    } else {
        &[(16, 1_000), (64, 3_000)]
    };
    for (hosts, millis) in sizes {
        let mut world = started(settings(*hosts));
        run_for(&mut world, *millis);
        assert_eq!(members(&world, 5).len(), *hosts);
        let views = world.checker.views;
        assert_eq!(views, *hosts as u64, "formed at the first try");
        for host in (0..*hosts).step_by(hosts / 4) {
            world.say(host, Guarantee::Safe, 10);
            world.say(host, Guarantee::Agreed, 3_000);
        }
        run_for(&mut world, 2_000);
        assert_eq!(world.checker.deliveries, 8 * *hosts as u64);
        world.crash(hosts / 2);
        run_for(&mut world, 3_000);
        assert_eq!(members(&world, 0).len(), hosts - 1, "without the one that died");
        world.start(hosts / 2);
        run_for(&mut world, 3_000);
        finished(world, *hosts);
    }
}

#[test]
fn a_large_ring_cut_in_halves_that_one_node_hears_settles() {
    // When large: more nodes on each side than one presence can tell of.
    let hosts = if is_large() { 101 } else { 15 };
    let mut world = started(settings(hosts));
    run_for(&mut world, 4_000);
    assert_eq!(members(&world, 0).len(), hosts);
    let middle = hosts / 2;
    for a in 0..middle {
        for b in middle + 1..hosts {
            cut(&mut world, a, b);
            cut(&mut world, b, a);
        }
    }
    run_for(&mut world, 8_000);
    let views = world.checker.views;
    run_for(&mut world, 5_000);
    assert_eq!(world.checker.views, views, "goes on changing");
    let sizes: Vec<usize> = [0, middle, hosts - 1].map(|h| members(&world, h).len()).into();
    assert_eq!(sizes, [middle + 1, middle + 1, hosts - middle - 1]);
    world.net.calm();
    run_for(&mut world, 6_000);
    finished(world, hosts);
}

#[test]
fn sixty_four_nodes_live_through_faults() {
    let seeds = if is_large() { 12 } else { 1 };
    for seed in 0..seeds {
        let short = seeds == 1;
        let world = Settings { token: Span::millis(1_000), sealing: Sealing::Clear, ..settings(64) };
        let mut plan = schedule(seed, world, Trouble::of(ALL.to_vec()));
        if short {
            plan.end = Span::millis(2_500);
        }
        let report = play(&plan, |_| {});
        assert_eq!(report.violations, Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [1, 2, 3] {
        let (a, b) = (run(seed), run(seed));
        assert_eq!((a.trace, a.datagrams, a.violations), (b.trace, b.datagrams, b.violations));
    }
}

/// Many seeds: `HOLDFAST_SIM_SEEDS=2000 cargo test --profile sim -p holdfast-sim`.
#[test]
fn no_schedule_of_faults_breaks_a_promise() {
    let seeds = std::env::var("HOLDFAST_SIM_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let mut total = Total::default();
    (0..seeds).for_each(|seed| total.add(run(seed)));
    println!("faults {:?}; datagrams {:?}", total.faults, total.weather);
    let failed: Vec<_> = total.failed.iter().map(|r| (r.seed, r.violations.first())).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let unused: Vec<_> = ALL.iter().filter(|f| !total.faults.contains_key(f)).collect();
    assert!(unused.is_empty(), "faults that never struck: {unused:?}");
}

/// Schedules that failed once, cut down; `examples/ring.rs` prints them ready to be added.
const REGRESSIONS: &str = include_str!("../../data/ring-regressions.txt");

#[test]
fn schedules_that_failed_once_hold() {
    let schedules = parse(REGRESSIONS).unwrap();
    assert!(!schedules.is_empty());
    for schedule in schedules {
        let report = play(&schedule, |_| {});
        assert_eq!(report.violations, Vec::<String>::new(), "{schedule}");
    }
}

#[test]
fn every_checker_finds_the_bug_planted_for_it() {
    for (bug, word) in BUGS {
        let found = (0..200).find(|&seed| {
            let report = play_with_bug(&draw(seed), bug);
            report.violations.iter().any(|v| names(v, word))
        });
        println!("{bug:?}: {word} found by seed {found:?}");
        assert!(found.is_some(), "{bug:?} is not found as {word}");
    }
}
