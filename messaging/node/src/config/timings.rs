//! `totem { }`: time-outs, windows and sizes, with corosync's ratios where the file is silent.

use super::diagnostic::Diagnostic;
use super::reader::{Findings, flag, number, place, positive};
use super::resolved::Timings;
use super::syntax::Section;

/// Default of `token` in milliseconds (corosync 3.1).
pub const TOKEN: u32 = 3000;
/// No timer may be shorter, in milliseconds.
const SHORTEST: u32 = 30;
/// Longest token time-out, in milliseconds.
const LONGEST: u32 = 3_600_000;

pub(super) fn resolve(totem: &Section, node_count: usize, findings: &mut Findings) -> Timings {
    let base = positive(totem, "token").unwrap_or(TOKEN);
    let coefficient = number(totem, "token_coefficient").unwrap_or(0);
    let extra = u32::try_from(node_count.saturating_sub(2)).unwrap_or(u32::MAX);
    let token = base.saturating_add(coefficient.saturating_mul(extra));
    if token > LONGEST {
        findings.push(
            Diagnostic::error(place(totem, "token"), "the token time-out is too long")
                .value(format!("{token} ms"))
                .expected(format!("at most {LONGEST} ms")),
        );
    }
    let losses = positive(totem, "token_retransmits_before_loss_const").unwrap_or(4);
    // corosync divides by (count + 0.2).
    let derived = (u64::from(token) * 10 / (u64::from(losses) * 10 + 2)) as u32;
    let written = positive(totem, "token_retransmit");
    let token_retransmit = written.unwrap_or(derived);
    if written.is_none() && derived < SHORTEST && token <= LONGEST {
        findings.push(
            Diagnostic::error(
                place(totem, "token").or(place(totem, "token_retransmits_before_loss_const")),
                format!("token is so short that it would be sent again every {derived} ms"),
            )
            .value(base.to_string())
            .expected(format!(
                "at least {} ms",
                (u64::from(SHORTEST) * (u64::from(losses) * 10 + 2)).div_ceil(10)
            ))
            .next_step("raise 'token' or lower 'token_retransmits_before_loss_const'"),
        );
    }
    let hold = positive(totem, "hold")
        .unwrap_or_else(|| (u64::from(token_retransmit) * 8 / 10).saturating_sub(10).max(14) as u32);
    let join = positive(totem, "join").unwrap_or(50);
    let consensus = positive(totem, "consensus").unwrap_or((u64::from(token) * 12 / 10) as u32);
    let merge = positive(totem, "merge").unwrap_or(200);
    let checked = [
        ("token_retransmit", written),
        ("hold", positive(totem, "hold")),
        ("join", positive(totem, "join")),
        ("consensus", positive(totem, "consensus")),
        ("merge", positive(totem, "merge")),
    ];
    for (key, value) in checked {
        if let Some(value) = value.filter(|value| *value < SHORTEST) {
            findings.push(
                Diagnostic::error(place(totem, key), format!("'{key}' is too short"))
                    .value(value.to_string())
                    .expected(format!("at least {SHORTEST} ms")),
            );
        }
    }
    for key in ["token_retransmit", "hold"] {
        if positive(totem, key).is_some_and(|value| value >= token) {
            findings.push(
                Diagnostic::error(place(totem, key), format!("'{key}' is not shorter than 'token'"))
                    .value(totem.value(key).unwrap_or_default())
                    .expected(format!("less than {token} ms")),
            );
        }
    }
    if consensus < join {
        findings.push(
            Diagnostic::error(place(totem, "consensus"), "'consensus' is shorter than 'join'")
                .value(consensus.to_string())
                .expected(format!("at least {join} ms")),
        );
    }
    Timings {
        token,
        token_coefficient: coefficient,
        token_retransmit,
        token_warning: number(totem, "token_warning").unwrap_or(75),
        hold,
        join,
        send_join: number(totem, "send_join").unwrap_or(0),
        consensus,
        merge,
        fail_recv_const: positive(totem, "fail_recv_const").unwrap_or(2500),
        seqno_unchanged_const: positive(totem, "seqno_unchanged_const").unwrap_or(30),
        miss_count_const: positive(totem, "miss_count_const").unwrap_or(5),
        window_size: positive(totem, "window_size"),
        max_messages: positive(totem, "max_messages"),
        mtu: mtu(totem, findings),
        pmtud_interval: positive(totem, "knet_pmtud_interval").unwrap_or(30),
        cancel_hold_on_retransmit: flag(totem, "cancel_token_hold_on_retransmit").unwrap_or(false),
        ip_dscp: dscp(totem, findings),
        block_unlisted_ips: flag(totem, "block_unlisted_ips").unwrap_or(true),
    }
}

fn mtu(totem: &Section, findings: &mut Findings) -> Option<u32> {
    let key = if positive(totem, "knet_mtu").is_some() { "knet_mtu" } else { "netmtu" };
    let value = positive(totem, key)?;
    if value < 576 {
        findings.push(
            Diagnostic::error(place(totem, key), format!("'{key}' is too small"))
                .value(value.to_string())
                .expected("at least 576 bytes"),
        );
    }
    // 65536 is what knet writes for "as much as it can".
    (value < 65_500).then_some(value)
}

/// `totem { ip_dscp }`: a number or the name of a class.
fn dscp(totem: &Section, findings: &mut Findings) -> u8 {
    let Some(text) = totem.value("ip_dscp") else { return 0 };
    let named = |text: &str| -> Option<u8> {
        if text == "ef" {
            return Some(46);
        }
        let digit = |at: usize| text.as_bytes().get(at).filter(|b| b.is_ascii_digit()).map(|b| b - b'0');
        match (text.get(..2)?, text.len()) {
            ("cs", 3) => digit(2).filter(|class| *class <= 7).map(|class| class * 8),
            ("af", 4) => {
                let (class, drop) = (digit(2)?, digit(3)?);
                ((1..=4).contains(&class) && (1..=3).contains(&drop)).then_some(class * 8 + drop * 2)
            }
            _ => None,
        }
    };
    let value = text.parse::<u8>().ok().filter(|n| *n <= 63).or_else(|| named(text));
    value.unwrap_or_else(|| {
        findings.push(
            Diagnostic::error(place(totem, "ip_dscp"), "bad value of 'ip_dscp'")
                .value(text)
                .expected("0 to 63, cs0 to cs7, af11 to af43 or ef"),
        );
        0
    })
}
