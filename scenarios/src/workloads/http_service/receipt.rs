//! The receipt of an order, as text.

use std::fmt::Write;

use super::delivery::Offer;
use super::pricing::{Goods, Totals};

/// Writes the receipt. Columns are fixed; a line has at most 60 characters unless a name is longer.
#[inline(never)]
pub(super) fn write(customer: &str, goods: &Goods, totals: &Totals, delivery: &[Offer]) -> String {
    let mut text = String::new();
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = text.write_fmt(arguments);
        text.push('\n');
    };
    line(format_args!("Order of customer {customer}"));
    line(format_args!("{}", "-".repeat(60)));
    for item in &goods.lines {
        line(format_args!("{:>4} x {:<36}{:>16}", item.quantity, item.name, euro(item.unit)));
        if item.discount > 0 {
            line(format_args!("       {:<36}{:>16}", "discount", format!("-{}", euro(item.discount))));
        }
        line(format_args!("       {:<36}{:>16}", format!("{} net", item.sku), euro(item.net)));
    }
    line(format_args!("{}", "-".repeat(60)));
    for (name, cents) in
        [("net", totals.net), ("tax", totals.tax), ("delivery", totals.delivery), ("total", totals.total)]
    {
        line(format_args!("{name:<43}{:>16}", euro(cents)));
    }
    for (rank, offer) in delivery.iter().enumerate() {
        line(format_args!("{}. {} h, {}: {}", rank + 1, offer.hours, offer.label, euro(offer.cents)));
    }
    text
}

/// Cents as euros, e.g. `12.05 EUR`.
fn euro(cents: u64) -> String {
    format!("{}.{:02} EUR", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::super::delivery::best_offers;
    use super::super::pricing::PriceList;
    use super::*;

    #[test]
    fn a_receipt_adds_up_before_the_reader() {
        let order = r#"{"customer":"42","lines":[{"sku":"sku-1","quantity":9},{"sku":"sku-4","quantity":1}]}"#;
        let goods = PriceList::new().price_goods(&serde_json::from_str(order).unwrap()).unwrap();
        let offers = best_offers("42", goods.weight_grams);
        let totals = goods.totals_with_delivery(offers[0].cents);
        insta::assert_snapshot!(write("42", &goods, &totals, &offers), @r#"
        Order of customer 42
        ------------------------------------------------------------
           9 x Article 001, batch 37                      80.18 EUR
               discount                                 -119.07 EUR
               sku-1 net                                 602.55 EUR
           1 x Article 004, batch 59                     117.64 EUR
               discount                                   -6.35 EUR
               sku-4 net                                 111.29 EUR
        ------------------------------------------------------------
        net                                              713.84 EUR
        tax                                              122.27 EUR
        delivery                                           6.92 EUR
        total                                            843.03 EUR
        1. 11 h, pickup point from Hamburg, 96 km: 6.92 EUR
        2. 21 h, pickup point from Cologne, 265 km: 7.12 EUR
        3. 22 h, pickup point from Amsterdam, 275 km: 7.12 EUR
        4. 9 h, parcel from Hamburg, 96 km: 7.17 EUR
        5. 24 h, pickup point from Berlin, 311 km: 7.22 EUR
        "#);
    }
}
