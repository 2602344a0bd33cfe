//! Any bytes as any of heartbeat's three files: nothing panics, every error has a file, a line and words.
//!
//! `CASES=1000000 SEED=7 cargo test --release -p holdfast-golden --test heartbeat_bytes` runs as many as one likes.

use holdfast_tools::haresources2cib;

/// Small and fast, so that a million files take a minute.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// What such files hold, and what breaks readers of them.
const PIECES: &[&str] = &[
    "node ",
    "alpha",
    "BETA",
    "bcast eth0",
    "ucast eth1 10.0.0.2",
    "mcast eth0 225.0.0.1 694 1 0",
    "keepalive ",
    "deadtime ",
    "initdead ",
    "warntime ",
    "deadping ",
    "udpport ",
    "auto_failback ",
    "nice_failback ",
    "legacy",
    "on",
    "off",
    "200ms",
    "1.5",
    "-1",
    "99999999999999999999",
    "2s",
    "ping 10.0.0.1",
    "ping_group g 10.0.0.1 10.0.0.2",
    "respawn root ",
    "failfast ",
    "/usr/lib/heartbeat/ipfail",
    "/usr/lib/heartbeat/pingd -m 9 -d 5s -a p",
    "/opt/x y z",
    "stonith_host * baytech 1 2 3",
    "stonith_host alpha external/x",
    "stonith ssh /etc/x",
    "watchdog /dev/watchdog",
    "crm on",
    "crm off",
    "autojoin any",
    "logfacility local0",
    "use_logd yes",
    "serial /dev/ttyS0",
    "baud 19200",
    "apiauth ipfail uid=root",
    "cluster ",
    "rtprio 5",
    "10.0.0.1",
    "10.0.0.1/24/eth0:0/10.0.0.255",
    "IPaddr2::10.0.0.9//8",
    "IPv6addr::fe80:0:0:0:0:0:0:1/64",
    "Filesystem::/dev/x::/d::ext3::a::b",
    "OCF::",
    "WAS::90",
    "portblock::tcp::80::block",
    "drbddisk::r0",
    "x::y::z",
    "::",
    "#",
    "#name",
    "#clone:c",
    "#rsc_order a start after b",
    "#rsc_colocation a b INFINITY",
    "auth 1",
    "1 crc",
    "2 sha1 key",
    "3 md5",
    "16 crc",
    "\\",
    "\\\n",
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    ",",
    "=",
    "\u{a0}",
    "\u{feff}",
    "\0",
    "\x0b",
    "\x0c",
    "\u{1F600}",
    "<",
    "&",
    "]]>",
    "\"",
    "'",
];

fn file(chance: &mut Chance) -> String {
    let mut bytes = Vec::new();
    for _ in 0..chance.below(24) {
        match chance.below(8) {
            0 => bytes.extend((0..chance.below(12)).map(|_| chance.next() as u8)),
            1 => bytes.push(b' '),
            2 => bytes.push(b'\n'),
            _ => bytes.extend(PIECES[chance.below(PIECES.len())].as_bytes()),
        }
    }
    // As the files are read from a disk.
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn any_bytes_are_survived_and_errors_have_lines() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(default)
    };
    let (cases, seed) = (number("CASES", 3_000), number("SEED", 1));
    let mut refused = 0_u64;
    for case in 0..cases {
        let mut chance = Chance((seed << 32 | case).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let (ha, resources, keys) = (file(&mut chance), file(&mut chance), file(&mut chance));
        // Every second case begins with files that are good, so that what follows is reached.
        let good = |start: &str, rest: String| if case % 2 == 0 { start.to_owned() + &rest } else { rest };
        let ha = good("node alpha beta\nbcast eth0\n", ha);
        let resources = good("alpha 10.0.0.200\n", resources);
        let keys = good("auth 1\n1 crc\n", keys);
        let told = format!("SEED={seed}, case {case}");
        let (account, text) = haresources2cib::judged(&ha, &resources, &keys);
        for error in account.errors() {
            let lines = match error.place.file.as_str() {
                "ha.cf" => ha.lines().count(),
                "haresources" => resources.lines().count(),
                "authkeys" => keys.lines().count(),
                other => panic!("{told}: an error in {other}"),
            };
            assert!((1..=lines.max(1)).contains(&error.place.line), "{told}: {error:?}");
            assert!(!error.note.is_empty() && error.cure.is_some(), "{told}: {error:?}");
        }
        refused += u64::from(account.errors().next().is_some());
        assert!(text.starts_with('<'), "{told}: {text}");
    }
    assert!(cases < 100 || refused < cases, "no file is ever good enough");
    eprintln!("{cases} files, {refused} refused");
}
