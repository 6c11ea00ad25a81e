//! Prices goods: product table, promotions, coupons and value added tax. Money is in whole cents.

use serde::Serialize;

use super::orders::Order;

/// Products of the shop; `sku-{n}` is product `n` modulo this, so every number is for sale.
const PRODUCTS: u64 = 512;
const PROMOTIONS: u64 = 96;
const CATEGORIES: u64 = 12;

/// Country, standard and reduced rate of value added tax in thousandths.
const TAXES: [(&str, u64, u64); 6] =
    [("DE", 190, 70), ("AT", 200, 100), ("FR", 200, 55), ("NL", 210, 90), ("PL", 230, 80), ("SE", 250, 120)];

/// Coupon and discount in thousandths of the goods.
const COUPONS: [(&str, u64); 3] = [("WELCOME10", 100), ("SUMMER15", 150), ("STAFF30", 300)];

/// What the shop sells, and its promotions. The same in every process: no seed shapes a price.
#[derive(Debug)]
pub(super) struct PriceList {
    products: Vec<Product>,
    promotions: Vec<Promotion>,
}

#[derive(Debug)]
struct Product {
    name: String,
    category: u64,
    cents: u64,
    grams: u64,
    reduced_tax: bool,
}

/// So many thousandths off a line of a category from a quantity on.
#[derive(Debug)]
struct Promotion {
    category: u64,
    from_quantity: u64,
    permille: u64,
}

/// A line with its price. Cents.
#[derive(Debug, Clone, Serialize)]
pub(super) struct PricedLine {
    pub(super) sku: String,
    pub(super) name: String,
    pub(super) quantity: u32,
    pub(super) unit: u64,
    pub(super) discount: u64,
    pub(super) net: u64,
    pub(super) tax: u64,
}

/// Sums of an order. Cents.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Totals {
    pub(super) net: u64,
    pub(super) discount: u64,
    pub(super) tax: u64,
    pub(super) delivery: u64,
    pub(super) total: u64,
}

/// Priced goods, before delivery.
#[derive(Debug)]
pub(super) struct Goods {
    pub(super) lines: Vec<PricedLine>,
    pub(super) weight_grams: u64,
}

/// An order that names something the shop does not know.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PricingError {
    #[error("unknown product `{0}`: products are `sku-` and a number")]
    Product(String),
    #[error("no delivery to `{0}`")]
    Country(String),
    #[error("unknown coupon `{0}`")]
    Coupon(String),
}

impl PriceList {
    pub(super) fn new() -> Self {
        // Multipliers are coprime to the moduli: values spread over the range without a pattern to cache.
        let products = (0..PRODUCTS)
            .map(|n| Product {
                name: format!("Article {n:03}, batch {}", (n * 37) % 89),
                category: n % CATEGORIES,
                cents: 99 + (n * 7919) % 20_011,
                grams: 40 + (n * 613) % 4_999,
                reduced_tax: n % 4 == 0,
            })
            .collect();
        let promotions = (0..PROMOTIONS)
            .map(|n| Promotion {
                category: (n * 5) % CATEGORIES,
                from_quantity: 1 + (n * 11) % 23,
                permille: 10 + (n * 17) % 190,
            })
            .collect();
        Self { products, promotions }
    }

    /// Prices the lines of an order.
    pub(super) fn price_goods(&self, order: &Order) -> Result<Goods, PricingError> {
        let country = order.country.as_deref().unwrap_or("DE");
        let &(_, standard, reduced) = TAXES
            .iter()
            .find(|(code, ..)| *code == country)
            .ok_or_else(|| PricingError::Country(country.to_owned()))?;
        let coupon = match &order.coupon {
            None => 0,
            Some(code) => {
                COUPONS.iter().find(|(known, _)| known == code).ok_or_else(|| PricingError::Coupon(code.clone()))?.1
            }
        };
        let mut goods = Goods { lines: Vec::with_capacity(order.lines.len()), weight_grams: 0 };
        for line in &order.lines {
            let product = self.product(&line.sku).ok_or_else(|| PricingError::Product(line.sku.clone()))?;
            let quantity = u64::from(line.quantity);
            let gross = product.cents * quantity;
            let promotion = thousandths(gross, self.best_promotion(product.category, quantity));
            let discount = promotion + thousandths(gross - promotion, coupon);
            let net = gross - discount;
            goods.weight_grams += product.grams * quantity;
            goods.lines.push(PricedLine {
                sku: line.sku.clone(),
                name: product.name.clone(),
                quantity: line.quantity,
                unit: product.cents,
                discount,
                net,
                tax: thousandths(net, if product.reduced_tax { reduced } else { standard }),
            });
        }
        Ok(goods)
    }

    fn product(&self, sku: &str) -> Option<&Product> {
        let number: u64 = sku.strip_prefix("sku-")?.parse().ok()?;
        self.products.get((number % PRODUCTS) as usize)
    }

    fn best_promotion(&self, category: u64, quantity: u64) -> u64 {
        self.promotions
            .iter()
            .filter(|p| p.category == category && p.from_quantity <= quantity)
            .map(|p| p.permille)
            .max()
            .unwrap_or(0)
    }
}

impl Goods {
    pub(super) fn totals_with_delivery(&self, delivery: u64) -> Totals {
        let sum = |of: fn(&PricedLine) -> u64| self.lines.iter().map(of).sum::<u64>();
        let (net, discount, tax) = (sum(|l| l.net), sum(|l| l.discount), sum(|l| l.tax));
        Totals { net, discount, tax, delivery, total: net + tax + delivery }
    }
}

/// `cents × permille ÷ 1000`, halves rounded up.
fn thousandths(cents: u64, permille: u64) -> u64 {
    (cents * permille + 500) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priced(order: &str) -> Result<Goods, PricingError> {
        PriceList::new().price_goods(&serde_json::from_str(order).unwrap())
    }

    #[test]
    fn promotion_then_coupon_then_tax() {
        let goods = priced(r#"{"customer":"1","coupon":"SUMMER15","lines":[{"sku":"sku-1","quantity":2}]}"#).unwrap();
        insta::assert_debug_snapshot!(goods, @r#"
        Goods {
            lines: [
                PricedLine {
                    sku: "sku-1",
                    name: "Article 001, batch 37",
                    quantity: 2,
                    unit: 8018,
                    discount: 2405,
                    net: 13631,
                    tax: 2590,
                },
            ],
            weight_grams: 1306,
        }
        "#);
        insta::assert_debug_snapshot!(goods.totals_with_delivery(499), @r#"
        Totals {
            net: 13631,
            discount: 2405,
            tax: 2590,
            delivery: 499,
            total: 16720,
        }
        "#);
    }

    #[test]
    fn tax_depends_on_product_and_country() {
        let tax = |sku: &str, country: &str| {
            let order = format!(r#"{{"customer":"1","country":"{country}","lines":[{{"sku":"{sku}","quantity":1}}]}}"#);
            let line = priced(&order).unwrap().lines.remove(0);
            (line.tax * 1000 + line.net / 2) / line.net
        };
        assert_eq!((tax("sku-1", "DE"), tax("sku-1", "SE")), (190, 250));
        assert_eq!((tax("sku-4", "DE"), tax("sku-4", "FR")), (70, 55));
    }

    #[test]
    fn larger_quantities_never_lose_a_promotion() {
        let list = PriceList::new();
        for category in 0..CATEGORIES {
            let best: Vec<u64> = (0..=25).map(|q| list.best_promotion(category, q)).collect();
            assert!(best.is_sorted(), "{category}: {best:?}");
            assert!(best[25] > 0 && best[25] < 200);
        }
    }

    #[test]
    fn every_number_is_for_sale_and_products_repeat() {
        let list = PriceList::new();
        assert_eq!(list.product("sku-3").unwrap().name, list.product("sku-515").unwrap().name);
        for unknown in ["sku-", "sku-x", "3", "sku--3"] {
            assert!(list.product(unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn unknown_names_are_refused() {
        let error = |order: &str| priced(order).unwrap_err();
        assert_eq!(
            error(r#"{"customer":"1","lines":[{"sku":"tea","quantity":1}]}"#),
            PricingError::Product("tea".into())
        );
        assert_eq!(error(r#"{"customer":"1","country":"XX","lines":[]}"#), PricingError::Country("XX".into()));
        assert_eq!(error(r#"{"customer":"1","coupon":"FREE","lines":[]}"#), PricingError::Coupon("FREE".into()));
    }
}
