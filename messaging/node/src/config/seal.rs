//! Whether and with which key datagrams are sealed.

use super::diagnostic::Diagnostic;
use super::environment::Environment;
use super::reader::{Findings, flag, place};
use super::resolved::Seal;
use super::syntax::Section;

pub(super) fn resolve(totem: &Section, environment: &Environment, findings: &mut Findings) -> Seal {
    let unsealed = flag(totem, "holdfast_unsealed").unwrap_or(false);
    if unsealed {
        findings.push(
            Diagnostic::warning(
                place(totem, "holdfast_unsealed"),
                "messages are sent in clear: whoever reaches the network can read them, send some and stop services",
            )
            .value("yes")
            .next_step("remove this line and give all nodes the key of 'corosync-keygen'"),
        );
        return Seal::Unsealed;
    }
    let off = [
        ("secauth", flag(totem, "secauth") == Some(false)),
        ("crypto_cipher", totem.value("crypto_cipher") == Some("none")),
        ("crypto_hash", totem.value("crypto_hash") == Some("none")),
    ];
    for (key, asked) in off {
        if asked {
            findings.push(
                Diagnostic::warning(
                    place(totem, key),
                    format!("'{key}' asks for clear messages; they are sealed all the same"),
                )
                .value(totem.value(key).unwrap_or_default())
                .next_step(
                    "every node needs the same key file (corosync-keygen); 'holdfast_unsealed: yes' sends in clear",
                ),
            );
        }
    }
    if let Some(entry) = totem.entry("key").filter(|entry| !entry.value.is_empty()) {
        let length = entry.value.len();
        if !holdfast_totem::config::KEY_SIZES.contains(&length) {
            findings.push(
                Diagnostic::error(entry.value_span, "the key has a bad length")
                    .expected("128 to 4096 bytes")
                    .next_step("use a key file instead: corosync-keygen"),
            );
        } else {
            findings.push(
                Diagnostic::warning(entry.key_span, "the key stands in a file that others may read")
                    .next_step("use a key file instead: corosync-keygen"),
            );
        }
        return Seal::Inline(entry.value.clone());
    }
    let default = if environment.config_dir.is_empty() {
        "/etc/corosync/authkey".to_owned()
    } else {
        format!("{}/authkey", environment.config_dir.trim_end_matches('/'))
    };
    Seal::KeyFile(totem.value("keyfile").map_or(default, str::to_owned))
}
