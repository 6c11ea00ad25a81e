//! A page as an HTML parser would see it, and what of it is ours.

pub(super) const TAGS: &[&str] = &[
    "html", "head", "meta", "title", "style", "body", "header", "main", "section", "nav", "article", "script",
    "iframe", "p", "h1", "h2", "h3", "b", "br", "a", "ul", "ol", "li", "span", "div", "pre", "code", "table", "thead",
    "tbody", "tr", "th", "td", "details", "summary", "figure", "dl", "dt", "dd", "svg", "line", "path", "circle",
    "rect", "text", "g",
];

pub(super) const ATTRIBUTES: &[&str] = &[
    "lang",
    "charset",
    "name",
    "content",
    "http-equiv",
    "class",
    "id",
    "href",
    "scope",
    "colspan",
    "style",
    "title",
    "value",
    "sandbox",
    "loading",
    "srcdoc",
    "role",
    "aria-label",
    "aria-hidden",
    "data-variant",
    "data-series",
    "data-samples",
    "data-still",
    "data-late",
    "data-viewer",
    "data-left",
    "data-tops",
    "data-width",
    "data-height",
    "data-column",
    "data-columns",
    "data-rows",
    "data-from",
    "data-to",
    "hidden",
    "type",
    "viewBox",
    "width",
    "height",
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "cx",
    "cy",
    "r",
    "d",
    "text-anchor",
];

type Tag = (String, Vec<(String, String)>);

/// Opening tags with their attributes, as an HTML parser would see them; the inside of scripts and styles is skipped.
pub(super) fn tags(page: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if rest.starts_with('/') || rest.starts_with('!') {
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).expect("tags end");
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            if let Some(after) = rest.strip_prefix('/') {
                rest = after;
                continue;
            }
            let equals = rest.find(['=', '>', ' ']).expect("attributes end");
            let attribute = rest[..equals].to_owned();
            assert!(!attribute.is_empty(), "broken tag {name} before {:?}", &rest[..rest.len().min(80)]);
            let value = rest[equals..].strip_prefix("=\"").expect("every attribute is quoted");
            let (value, after) = value.split_once('"').expect("quotes close");
            attributes.push((attribute, value.to_owned()));
            rest = after;
        }
        if name == "script" || name == "style" {
            rest = rest.split_once(&format!("</{name}>")).expect("raw text closes").1;
        }
        tags.push((name, attributes));
    }
    tags
}

pub(super) fn unescape(text: &str) -> String {
    text.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&")
}
