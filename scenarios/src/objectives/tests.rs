use super::*;

const SLOTH: &str = r#"
version: "prometheus/v1"
service: "shop"
labels: {owner: "team"}
slos:
  - name: "availability"
    objective: 99.9
    description: "Grüße"
    sli:
      events:
        error_query: sum(rate(requests_total{code=~"(5..|429)"}[{{.window}}]))
        total_query: sum(rate(requests_total[{{.window}}]))
    alerting: {name: ShopAvailability}
  - name: plugin
    objective: 99
    sli: {plugin: {id: x}}
"#;

const OPENSLO: &str = r#"
apiVersion: openslo/v1
kind: Service
metadata: {name: shop}
---
apiVersion: openslo/v1
kind: SLO
metadata:
  name: shop-availability
spec:
  service: shop
  budgetingMethod: Occurrences
  timeWindow:
    - duration: 4w
      isRolling: true
  indicator:
    metadata: {name: ratio}
    spec:
      ratioMetric:
        counter: true
        good:
          metricSource:
            type: Prometheus
            spec:
              query: sum(rate(good_total[{{.window}}]))
        total:
          metricSource:
            type: Prometheus
            spec:
              query: sum(rate(all_total[{{.window}}]))
  objectives:
    - displayName: slow
      targetPercent: 99.95
    - target: 0.99
---
"#;

#[test]
fn both_formats_are_read() {
    insta::assert_debug_snapshot!(parse("sloth.yaml", SLOTH).unwrap());
    insta::assert_debug_snapshot!(parse("openslo.yaml", OPENSLO).unwrap());
}

#[test]
fn sloths_kubernetes_form_is_read() {
    let text = "apiVersion: sloth.slok.dev/v1\nkind: PrometheusServiceLevel\nspec:\n  service: shop\n  slos:\n    - name: a\n      \
                objective: 99.5\n      sli: {events: {errorQuery: e, totalQuery: t}}\n";
    let read = parse("k8s.yaml", text).unwrap();
    assert_eq!((read[0].name.as_str(), read[0].objective, read[0].bad.as_deref()), ("shop-a", 0.995, Some("e")));
}

#[test]
fn what_is_wrong_is_pointed_at() {
    let sloth = |from: &str, to: &str| {
        assert!(SLOTH.contains(from), "{from}");
        parse("sloth.yaml", &SLOTH.replacen(from, to, 1)).unwrap_err().to_string()
    };
    let openslo = |from: &str, to: &str| {
        assert!(OPENSLO.contains(from), "{from}");
        parse("openslo.yaml", &OPENSLO.replacen(from, to, 1)).unwrap_err().to_string()
    };
    let messages = [
        sloth("objective: 99.9", "objective: 100"),
        sloth("objective: 99.9", "objective: \"much\""),
        sloth("service: \"shop\"", "servce: \"shop\""),
        sloth("prometheus/v1", "prometheus/v2"),
        sloth("slos:", "slos: 5\nothers:"),
        sloth("name: \"availability\"", "name: \"a\\nb\""),
        sloth("  - name: plugin", " - name: plugin"),
        openslo("duration: 4w", "duration: 1M"),
        openslo("targetPercent: 99.95", "target: 99.95"),
        openslo("  timeWindow:\n    - duration: 4w\n      isRolling: true\n", ""),
        parse("none.yaml", "a: 1\n").unwrap_err().to_string(),
        parse("empty.yaml", "").unwrap_err().to_string(),
    ];
    insta::assert_snapshot!(messages.join("\n\n=====\n\n"));
}
