//! Random rules. Knows what a condition may ask for.

use super::{Element, Maker, NOW, element};
use holdfast_model::iso8601::DateTime;

impl Maker {
    /// A rule with one or two conditions on attributes or dates; `tag` is completed with what the place wants.
    pub(super) fn rule(&mut self, with_date: bool) -> Element {
        let id = format!("rule{}", self.next());
        let mut rule = element("rule").with("id", &id);
        let count = 1 + self.random.below(2);
        if count > 1 {
            rule = rule.with("boolean-op", self.random.pick(&["and", "or"]));
        }
        self.conditions(rule, &id, count, with_date)
    }

    /// Adds conditions to a rule.
    pub(super) fn conditions(
        &mut self,
        mut rule: Element,
        id: &str,
        count: usize,
        with_date: bool,
    ) -> Element {
        for number in 0..count {
            let id = format!("{id}-{number}");
            let condition =
                if with_date && self.random.chance(40) { self.date(&id) } else { self.attribute(&id) };
            rule.push(condition);
        }
        rule
    }

    fn attribute(&mut self, id: &str) -> Element {
        let expression = element("expression").with("id", id);
        match self.random.below(5) {
            0 => {
                let node = self.node_name();
                expression
                    .with("attribute", "#uname")
                    .with("operation", self.random.pick(&["eq", "ne"]))
                    .with("value", node)
            }
            1 => expression
                .with("attribute", self.random.pick(&["site", "rack", "absent"]))
                .with("operation", self.random.pick(&["defined", "not_defined"])),
            2 => expression
                .with("attribute", "pingd")
                .with("operation", self.random.pick(&["lt", "gt", "lte", "gte", "eq"]))
                .with("value", self.random.pick(&["0", "100", "1000"]))
                .with("type", self.random.pick(&["number", "integer"])),
            3 => expression
                .with("attribute", "#kind")
                .with("operation", "eq")
                .with("value", self.random.pick(&["cluster", "remote", "container"])),
            _ => expression
                .with("attribute", self.random.pick(&["site", "rack"]))
                .with("operation", self.random.pick(&["eq", "ne", "lt", "gt"]))
                .with("value", self.random.pick(&["a", "b", "c", "2", "10"])),
        }
    }

    fn date(&mut self, id: &str) -> Element {
        let expression = element("date_expression").with("id", id);
        let shift = [-86_400, -3_600, 3_600, 86_400, 0][self.random.below(5)];
        let fields = DateTime::from_epoch(NOW + shift).fields();
        let time = format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z",
            fields.year, fields.month, fields.month_day, fields.hour, fields.minute, fields.second
        );
        match self.random.below(3) {
            0 => expression.with("operation", "gt").with("start", time),
            1 => expression.with("operation", "lt").with("end", time),
            _ => expression.with("operation", "date_spec").child(
                element("date_spec")
                    .with("id", format!("{id}-spec"))
                    .with("hours", self.random.pick(&["0-8", "9-17", "13", "14-16", "18-23"]))
                    .with("weekdays", self.random.pick(&["1-5", "6-7", "1", "2-4"])),
            ),
        }
    }
}
