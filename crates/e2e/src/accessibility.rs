//! Pages as axe-core, a keyboard and a narrow screen see them.

use anyhow::{Context, Result, bail};
use cardea_xtask::install;
use serde_json::{Value, json};

use crate::browser::Browser;

/// A pharmacy's screen and a phone's, in CSS pixels.
pub const SCREENS: [(u32, u32); 2] = [(1024, 768), (390, 844)];

/// Every level of WCAG 2.1 up to AA, and what axe-core holds for good practice besides.
const RULES: &str = r#"{"runOnly": {"type": "tag", "values":
    ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}}"#;

impl Browser {
    /// Demands that axe-core finds nothing wrong with the page, and that nothing of it lies beside
    /// the screen.
    ///
    /// # Errors
    /// What is wrong, with the rule and the element.
    pub async fn check_accessible(&self, name: &str) -> Result<()> {
        let modules = install::node_clients()?.join("node_modules");
        let axe = modules.join("axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&axe)
            .with_context(|| format!("can't read {}", axe.display()))?;
        self.run(&format!("{axe};\nreturn true")).await?;
        let found = self
            .run_async(&format!(
                "const done = arguments[arguments.length - 1];
                 axe.run(document, {RULES}).then(
                   (found) => done(found.violations.map((it) => [it.id, it.help,
                     it.nodes.map((node) => node.html + ' ' + node.failureSummary).join(' / ')])),
                   (error) => done([['axe', String(error), '']]))"
            ))
            .await?;
        if found != json!([]) {
            bail!("{name}: {found:#}");
        }
        self.check_fits(name).await
    }

    /// Demands that the page needs no scrolling to the side.
    ///
    /// # Errors
    /// When it does.
    pub async fn check_fits(&self, name: &str) -> Result<()> {
        let widths = self
            .run("const root = document.documentElement; return [root.scrollWidth, innerWidth]")
            .await?;
        let width = |index: usize| {
            widths
                .get(index)
                .and_then(Value::as_u64)
                .unwrap_or_default()
        };
        if width(0) > width(1) {
            bail!("{name}: {} of {} pixels are seen", width(1), width(0));
        }
        Ok(())
    }

    /// Presses Tab until the element that the CSS selector names has the focus, and demands that
    /// the focus can be seen there.
    ///
    /// # Errors
    /// When the element is not among the first `presses`, or its focus does not show.
    pub async fn tab_to(&self, selector: &str, presses: u32) -> Result<()> {
        // Between the last element and the first the focus is nowhere.
        let question = format!(
            "const it = document.activeElement;
             const visible = it === document.body || (it.matches(':focus-visible')
               && getComputedStyle(it).outlineStyle !== 'none');
             return [it.matches({}), visible, it.outerHTML.slice(0, 200)]",
            Value::from(selector)
        );
        let mut seen = Vec::new();
        for _ in 0..presses {
            self.press_key('\u{e004}').await?;
            let answer = self.run(&question).await?;
            let answer = |index: usize| answer.get(index).cloned().unwrap_or_default();
            if answer(1) != true {
                bail!("the focus cannot be seen on {}", answer(2));
            }
            if answer(0) == true {
                return Ok(());
            }
            seen.push(answer(2));
        }
        bail!("{presses} presses of Tab do not lead to {selector}: {seen:?}")
    }
}
