//! The few shapes that plots are made of.

/// What text and lines are drawn in.
pub(super) const INK: &str = "#2b2b2b";
/// What is there but not to be looked at.
pub(super) const PALE: &str = "#d9d9d9";

/// Where a text is in relation to its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing that grows.
pub(super) struct Svg {
    body: String,
    width: f64,
    height: f64,
}

impl Svg {
    pub(super) fn new(width: f64, height: f64) -> Self {
        let mut svg = Self {
            body: String::new(),
            width,
            height,
        };
        // Its own ground, as the page may be dark.
        svg.rect((0.0, 0.0), (width, height), "#ffffff");
        svg
    }

    pub(super) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), color: &str) {
        self.body += &format!(
            "<rect x='{x:.1}' y='{y:.1}' width='{width:.1}' height='{height:.1}' fill='{color}'/>\n"
        );
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), color: &str) {
        self.body += &format!(
            "<line x1='{:.1}' y1='{:.1}' x2='{:.1}' y2='{:.1}' stroke='{color}'/>\n",
            from.0, from.1, to.0, to.1
        );
    }

    pub(super) fn curve(&mut self, points: &[(f64, f64)], color: &str) {
        let list: Vec<_> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        self.body += &format!(
            "<polyline points='{}' fill='none' stroke='{color}' stroke-width='2.5' stroke-linejoin='round'/>\n",
            list.join(" ")
        );
        for (x, y) in points {
            self.body += &format!("<circle cx='{x:.1}' cy='{y:.1}' r='4' fill='{color}'/>\n");
        }
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, size: u32, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.body += &format!(
            "<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}' font-size='{size}' fill='{INK}'>{}</text>\n",
            waxwing_tests::xml::escape(text)
        );
    }

    pub(super) fn finish(self) -> String {
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {0:.0} {1:.0}' width='{0:.0}' height='{1:.0}' \
             font-family='system-ui, \"Segoe UI\", \"DejaVu Sans\", sans-serif'>\n{2}</svg>\n",
            self.width, self.height, self.body
        )
    }
}
