//! Small worlds with one fault each, and a bounded number of seeds.

use holdfast_totem::Guarantee;
use holdfast_totem::config::Sealing;
use holdfast_totem::time::Span;

use crate::net::{Scope, Weather};
use crate::ring::world::{Settings, World};

fn settings(hosts: usize) -> Settings {
    Settings { hosts, links: 1, token: Span::millis(1_000), sealing: Sealing::Sealed, sequence: None }
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
